using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>A script at work on a test guest, and all that it has said.</summary>
internal sealed class ProbeRun : IDisposable
{
    private ProbeRun(VmiMachine machine, LinuxGuest guest, ProbeSession session)
    {
        Machine = machine;
        Guest = guest;
        Session = session;
    }

    public VmiMachine Machine { get; }

    public LinuxGuest Guest { get; }

    public ProbeSession Session { get; }

    // In the lab this process runs ten times slower than on a machine of its own.
    private static VmiLimits Limits { get; } = KvmLab.IsInside ? VmiLimits.Default with { ShimAnswerTime = TimeSpan.FromSeconds(20) } : VmiLimits.Default;

    /// <summary>Starts a script that has nothing wrong with it.</summary>
    public static ProbeRun Start(TestGuest guest, string script, SessionOptions? options = null)
    {
        VmiMachine machine = MachineConnector.OpenProcess(guest.ProcessId, Limits);
        try
        {
            LinuxGuest linux = LinuxGuest.Open(machine, cache: null);
            CompiledScript compiled = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(script)), linux);
            Assert.False(compiled.HasErrors, string.Join('\n', compiled.Diagnostics));
            return new ProbeRun(machine, linux, ProbeSession.Start(linux, compiled, options ?? Options()));
        }
        catch
        {
            machine.Dispose();
            throw;
        }
    }

    /// <summary>Options whose streams hold whatever a test makes.</summary>
    public static SessionOptions Options() => new()
    {
        Driver = TestDriver.Value, TrapKind = TestDriver.HasOnlyDebugRegisters ? TrapKind.Hardware : TrapKind.Auto, Streams = new StreamOptions { Capacity = 10_000_000 },
    };

    /// <summary>Stops the probes and gives everything that was handed out to a stream, in its order.</summary>
    public List<VmiRecord> Stop(string stream)
    {
        Session.Stop();
        return Drain(stream);
    }

    /// <summary>What waits in a stream.</summary>
    public List<VmiRecord> Drain(string stream)
    {
        var records = new List<VmiRecord>();
        RecordStream from = Session.Outputs.Find(stream)!;
        while (from.TryRead(out VmiRecord record))
            records.Add(record);
        return records;
    }

    /// <summary>A probe's state and counters.</summary>
    public ProbeStatus Status(int probe) => Session.Probes.Single(status => status.Id == probe);

    /// <summary>Waits until a record of a stream has come, and gives it.</summary>
    public async Task<VmiRecord> NextAsync(string stream, CancellationToken cancel)
    {
        RecordStream from = Session.Outputs.Find(stream)!;
        while (await from.WaitToReadAsync(cancel))
        {
            if (from.TryRead(out VmiRecord record))
                return record;
        }
        throw new InvalidOperationException($"#{stream} has ended.");
    }

    public void Dispose()
    {
        Session.Dispose();
        Machine.Dispose();
    }
}
