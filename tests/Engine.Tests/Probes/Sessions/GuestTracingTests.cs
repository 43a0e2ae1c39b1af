using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>A guest that traces and debugs what is probed: it sees what it would see without probes, and they see all.</summary>
[Collection(nameof(SessionGuests))]
public sealed class GuestTracingTests
{
    private const int Count = 100;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Ways to trap an instruction that this driver has here.</summary>
    public static TheoryData<string, TrapKind> Kinds
    {
        get
        {
            var data = new TheoryData<string, TrapKind>();
            if (!TestDriver.IsShim)
            {
                data.Add("6.1-amd64", ProbeRun.Options().TrapKind);
                return data;
            }
            data.Add("6.1-amd64", TrapKind.Hardware);
            data.Add("6.12-amd64", TrapKind.Port);
            if (FullCounts.AreWanted)
            {
                data.Add("6.1-amd64", TrapKind.Port);
                data.Add("6.12-amd64", TrapKind.Hardware);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_probed_function_is_traced_by_the_guest_too(string kernel, TrapKind kind)
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, 1);
        TestGuest guest = loan.Guest;
        foreach (string script in (string[])["Syscall(getpgid){ ReadRegister(RIP, #calls) }", "ExecuteAt(__x64_sys_getpgid){ ReadRegister(RIP, #calls) }"])
        {
            using ProbeRun run = ProbeRun.Start(guest, script, ProbeRun.Options() with { TrapKind = kind });
            foreach (string how in (string[])["probe", "function", "probe"])
                Assert.Equal(Count, (int)(await guest.FactsAsync($"trace {how} __x64_sys_getpgid {Count}", Cancel))["seen"]);
            List<VmiRecord> seen = run.Stop("calls");
            Assert.DoesNotContain(run.Drain("default"), record => record.Error is not null);
            Assert.Equal(3 * Count, seen.Count);
            QemuTrace.AssertClean(guest);
        }
        // Without probes, once more.
        Assert.Equal(Count, (int)(await guest.FactsAsync($"trace function __x64_sys_getpgid {Count}", Cancel))["seen"]);
    }

    /// <summary>While probes use debug registers the guest's own do not trap, as the manual says.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_debugged_program_is_probed(string kernel, TrapKind kind)
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, 1);
        TestGuest guest = loan.Guest;
        bool withRegisters = kind == TrapKind.Port;
        string[] expected = withRegisters ? ["steps", "breakpoints", "registers"] : ["steps", "breakpoints"];
        using ProbeRun run = ProbeRun.Start(guest, "Syscall(getpid){ ReadRegister(RIP, #calls) }", ProbeRun.Options() with { TrapKind = kind });
        IReadOnlyDictionary<string, ulong> facts = await guest.FactsAsync($"debug {Count}{(withRegisters ? " registers" : "")}", Cancel);
        List<VmiRecord> seen = run.Stop("calls");
        Assert.All(expected, name => Assert.Equal((name, (ulong)Count), (name, facts[name])));
        // The first breakpoint is where the program stands already.
        Assert.Equal(expected.Length * Count - 1, seen.Count);
        QemuTrace.AssertClean(guest);
    }
}
