using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>System calls of a program that makes a known sequence: exactly those that a probe names are seen, with their arguments, in order.</summary>
[Collection(nameof(SessionGuests))]
public sealed class SyscallSessionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, int, string> Variants
    {
        get
        {
            var data = new TheoryData<string, int, string>();
            foreach (int vcpus in (int[])[1, SessionGuests.Many])
            {
                data.Add(GuestKernel.Amd64_6_1.Name, vcpus, "");
                data.Add(GuestKernel.Amd64_6_12.Name, vcpus, "");
                if (SessionGuests.Has32Bit)
                    data.Add(GuestKernel.I386.Name, vcpus, "");
            }
            data.Add(GuestKernel.Amd64_6_1.Name, 1, "compat");
            data.Add(GuestKernel.Amd64_6_12.Name, SessionGuests.Many, "compat");
            if (SessionGuests.Has32Bit)
                data.Add(GuestKernel.I386.Name, 1, "sysenter");
            return data;
        }
    }

    [Theory, MemberData(nameof(Variants))]
    public async Task Named_calls_are_seen_exactly(string kernel, int vcpus, string variant)
    {
        int total = FullCounts.Or(400, 100_000);
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        GuestArchitecture architecture = loan.Guest.Options.Kernel.Architecture;
        bool isWide = architecture == GuestArchitecture.Amd64 && variant.Length == 0;
        // A program's registers for the arguments, by the ABI of its calls.
        (string first, string second, string third) = isWide ? ("RDI", "RSI", "RDX") : ("EBX", "ECX", "EDX");
        using ProbeRun run = ProbeRun.Start(loan.Guest, $$"""
            Syscall(lseek){ ReadRegister({{first}}, #lseek) ReadRegister({{second}}, #lseek) ReadRegister({{third}}, #lseek) }
            Syscall(openat){ ReadString({{second}}, 64, #openat) }
            """);
        await loan.Guest.CommandAsync($"calls {total} {variant}".Trim(), Cancel);
        List<VmiRecord> lseek = run.Stop("lseek"), openat = run.Drain("openat");
        Assert.Empty(run.Drain("default"));
        Assert.Equal(Enumerable.Range(0, lseek.Count).Select(i => (long)i), lseek.Select(record => record.Sequence));

        SyscallVariant entry = variant switch { "compat" => SyscallVariant.Compat, "sysenter" => SyscallVariant.Sysenter, _ => SyscallVariant.Native };
        ulong[][] seeks = [.. lseek.Cast<RegisterRecord>().Select(record => record.Value).Chunk(3)];
        string[] paths = [.. openat.Cast<TextRecord>().Select(record => record.Text)];
        for (int process = 0; process < SyscallWorkload.Processes; process++)
        {
            ExpectedSyscall[] expected = [.. SyscallWorkload.Of(total, process, architecture, entry)];
            // The first argument says which process.
            Assert.Equal(expected.Where(call => call.Name == "lseek").Select(call => call.Arguments.Take(3)), seeks.Where(call => call[0] == 1000 + (ulong)process));
            Assert.Equal(expected.Where(call => call.Name == "openat").Select(call => call.Path), paths.Where(path => path.StartsWith($"/calls/{process}/", StringComparison.Ordinal)));
        }
        int each = seeks.Length + paths.Count(path => path.StartsWith("/calls/", StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(0, SyscallWorkload.Processes).Sum(process => SyscallWorkload.Of(total, process, architecture, entry).Count(call => call.Name is "lseek" or "openat")), each);
        Assert.Equal(seeks.Length, run.Status(0).Hits);
        Assert.Equal(0, run.Status(0).Lost);
    }

    /// <summary>More places than a CPU has debug registers, of which some begin with instructions of one byte.</summary>
    [Theory, MemberData(nameof(SessionGuests.Few), MemberType = typeof(SessionGuests))]
    [Trait(LabSet.Trait, LabSet.Shim)]
    public async Task Ten_kinds_by_name_are_seen_exactly(string kernel, int vcpus)
    {
        Assert.SkipWhen(TestDriver.HasOnlyDebugRegisters, "Four debug registers, all that the gdbstub has here, are too few for ten kinds of calls.");
        int total = FullCounts.Or(400, 100_000);
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        GuestArchitecture architecture = loan.Guest.Options.Kernel.Architecture;
        (string first, string second) = architecture == GuestArchitecture.Amd64 ? ("RDI", "RSI") : ("EBX", "ECX");
        using ProbeRun run = ProbeRun.Start(
            loan.Guest, string.Concat(SyscallWorkload.Names.Select(name => $"Syscall({name}){{ ReadRegister({first}, #{name}) ReadRegister({second}, #{name}) }}\n")));
        await loan.Guest.CommandAsync($"calls {total}", Cancel);
        run.Session.Stop();
        Assert.Empty(run.Drain("default"));
        ExpectedSyscall[][] processes =
            [.. Enumerable.Range(0, SyscallWorkload.Processes).Select(process => SyscallWorkload.Of(total, process, architecture, SyscallVariant.Native).ToArray())];
        foreach (string name in SyscallWorkload.Names)
        {
            (ulong First, ulong Second)[] seen = [.. run.Drain(name).Cast<RegisterRecord>().Select(record => record.Value).Chunk(2).Select(pair => (pair[0], pair[1]))];
            foreach (ExpectedSyscall[] calls in processes)
            {
                (ulong, ulong)[] expected = [.. calls.Where(call => call.Name == name).Select(call => (call.Arguments[0], call.Arguments[1]))];
                // An argument tells whose they are: the path's address of those that have one, else the first.
                bool hasPath = calls.Any(call => call.Name == name && call.Path is not null);
                Assert.Equal(expected, seen.Where(call => hasPath ? call.Second == expected[0].Item2 : call.First == expected[0].Item1));
            }
        }
    }

    [Theory, MemberData(nameof(SessionGuests.Few), MemberType = typeof(SessionGuests))]
    [Trait(LabSet.Trait, LabSet.Shim)]
    public async Task A_dispatcher_sees_every_call(string kernel, int vcpus)
    {
        const int Total = 200;
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        GuestArchitecture architecture = loan.Guest.Options.Kernel.Architecture;
        string first = architecture == GuestArchitecture.Amd64 ? "RDI" : "EBX";
        using ProbeRun run = ProbeRun.Start(loan.Guest, $"Syscall{{ ReadRegister(EAX, #call) ReadRegister({first}, #call) }}");
        await loan.Guest.CommandAsync($"calls {Total}", Cancel);
        (ulong Number, ulong First)[] calls = [.. run.Stop("call").Cast<RegisterRecord>().Select(record => record.Value).Chunk(2).Select(pair => (pair[0], pair[1]))];
        for (int process = 0; process < SyscallWorkload.Processes; process++)
        {
            // Those whose first argument says which process made them.
            (ulong, ulong)[] expected = [.. SyscallWorkload.Of(Total, process, architecture, SyscallVariant.Native)
                .Where(call => call.Arguments[0] == 1000 + (ulong)process).Select(call => ((ulong)call.Number, call.Arguments[0]))];
            Assert.Equal(expected, calls.Where(call => call.First == 1000 + (ulong)process));
        }
    }
}
