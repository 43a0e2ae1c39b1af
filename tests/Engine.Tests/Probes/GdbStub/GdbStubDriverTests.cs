using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Probes.GdbStub;
using VmiPl.Streams;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class GdbStubDriverTests
{
    [Fact]
    public async Task Try()
    {
        using GuestLoan loan = await GuestPool.GetAsync(new GuestOptions { Vcpus = 1 }, TestContext.Current.CancellationToken);
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText("ExecuteAt(do_exit){ ReadRegister(RIP, #x) ProcessList(PID, NAME, #x) } Syscall(write){ ReadRegister(RDI, #x) }")), guest);
        Assert.Empty(script.Diagnostics);
        var events = new CollectedEvents { Script = script };
        var resolver = new TrapResolver(guest);
        System.Collections.Immutable.ImmutableArray<PlacedProbe> placed = resolver.Resolve(script.Probes);
        using var driver = new GdbStubDriver(guest, events, TrapKind.Auto, resolver.Kinds);
        driver.Start(placed);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        for (int i = 0; i < 20; i++)
        {
            string pid = await loan.Guest.CommandAsync("start /usr/bin/x" + i, TestContext.Current.CancellationToken);
            await loan.Guest.CommandAsync("stop " + pid, TestContext.Current.CancellationToken);
        }
        TestContext.Current.SendDiagnosticMessage($"{watch.ElapsedMilliseconds} ms");
        Console.WriteLine($"{watch.ElapsedMilliseconds} ms, {driver.CountersOf(0)} {driver.CountersOf(1)} {events.Records.Count}");
        driver.Stop();
        Assert.Null(events.End);
        Assert.Equal(MachineState.Running, machine.QueryState());
        Console.WriteLine(string.Join("\n", events.Records.Take(5)));
        Console.WriteLine(string.Join("\n", events.Notices));
        await loan.Guest.CommandAsync("ping", TestContext.Current.CancellationToken);
    }
}
