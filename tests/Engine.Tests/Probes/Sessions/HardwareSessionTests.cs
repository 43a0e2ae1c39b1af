using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Probes that the four debug registers are enough for, with nothing written into the guest. These tests run once more in the KVM lab, where
/// it is a CPU's debug registers that trap.</summary>
[Collection(nameof(SessionGuests))]
[Trait(LabSet.Trait, LabSet.Probes)]
[Trait(LabSet.Trait, LabSet.Shim)]
public sealed class HardwareSessionTests
{
    private static readonly SessionOptions Hardware = ProbeRun.Options() with { TrapKind = TrapKind.Hardware };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static Task<GuestLoan> BorrowAsync() => SessionGuests.BorrowAsync(GuestKernel.Amd64_6_1.Name, 1);

    [Fact]
    public async Task System_calls_and_exits_are_seen_exactly()
    {
        int total = FullCounts.Or(200, 100_000), processes = FullCounts.Or(10, 1000);
        using GuestLoan loan = await BorrowAsync();
        using ProbeRun run = ProbeRun.Start(loan.Guest, """
            Syscall(lseek){ ReadRegister(RDI, #lseek) ReadRegister(RSI, #lseek) }
            ExecuteAt(do_exit){ ReadRegister(CR3, #exit) ProcessList(PID, PGDP, #exit) }
            """, Hardware);
        await loan.Guest.CommandAsync($"calls {total}", Cancel);
        run.Session.Enable(0, enabled: false);
        run.Drain("exit");
        await loan.Guest.CommandAsync($"spawn {processes}", Cancel);
        List<VmiRecord> exits = run.Stop("exit");
        AssertSeeks(total, run.Drain("lseek"));
        ulong current = 0;
        var seen = new List<int>();
        foreach (VmiRecord record in exits)
        {
            if (record is RegisterRecord register)
                current = register.PageDirectory!.Value;
            else if (record is ProcessRecord process && process.PageDirectory == current)
                seen.Add(process.ProcessId!.Value);
        }
        Assert.Equal(await loan.Guest.SpawnedAsync(Cancel), seen);
    }

    /// <summary>Four processes make the same calls at the same time. QEMU names one vCPU of those that meet a trap at once.</summary>
    [Fact]
    public async Task Vcpus_that_meet_a_trap_at_once_are_each_told()
    {
        int total = FullCounts.Or(200, 100_000);
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_12.Name, SessionGuests.Many);
        using ProbeRun run = ProbeRun.Start(loan.Guest, "Syscall(lseek){ ReadRegister(RDI, #lseek) ReadRegister(RSI, #lseek) }", Hardware);
        await loan.Guest.CommandAsync($"calls {total}", Cancel);
        AssertSeeks(total, run.Stop("lseek"));
    }

    [Fact]
    public async Task Accesses_are_told_apart_and_counted_exactly()
    {
        int count = FullCounts.Or(60, 5000);
        using GuestLoan loan = await BorrowAsync();
        using ProbeRun run = ProbeRun.Start(loan.Guest, """
            WriteAt(panic_timeout){ ReadMemory(panic_timeout, 4, #write) ValueAtAddressIs(panic_timeout, 30, 4){ ReadRegister(CR3, #hit) } }
            ReadAt(panic_timeout){ ReadMemory(panic_timeout, 4, #read) }
            """, Hardware);
        await loan.Guest.CommandAsync($"sysctl write /proc/sys/kernel/panic 0 {count}", Cancel);
        await loan.Guest.CommandAsync($"sysctl read /proc/sys/kernel/panic {count}", Cancel);
        Assert.Equal(Enumerable.Range(0, count), run.Stop("write").Select(Value));
        Assert.Equal(Enumerable.Repeat(count - 1, count), run.Drain("read").Select(Value));
        Assert.Single(run.Drain("hit"));
    }

    [Fact]
    public async Task Exceptions_requests_and_pauses_work_and_the_debug_registers_are_as_before()
    {
        using GuestLoan loan = await BorrowAsync();
        string before = DebugRegisters(loan.Guest);
        using ProbeRun run = ProbeRun.Start(loan.Guest, """
            Interrupt(3){ ReadMemoryAt(RSP, 4, 0, #int3) }
            Interrupt(14){ RegisterHasValue(CR2, 0x20005000){ ReadRegister(CR2, #fault) } }
            OnExternalRequest(1){ ReadRegister(CR4, #asked) Pause }
            """, Hardware);
        ulong site = (await loan.Guest.FactsAsync("int3 20", Cancel))["address"];
        await loan.Guest.CommandAsync("faults 100", Cancel);
        Assert.Equal(1, run.Session.Request(1));
        Assert.Equal(MachineState.Paused, run.Machine.QueryState());
        run.Machine.GetMonitor().Resume();
        await loan.Guest.CommandAsync("ping", Cancel);
        Breakpoints.AssertCount(20, site, run.Stop("int3"));
        Assert.Single(run.Drain("fault"));
        Assert.Single(run.Drain("asked"));
        Assert.Equal(before, DebugRegisters(loan.Guest));
        Assert.Equal(MachineState.Running, run.Machine.QueryState());
    }

    [Fact]
    public async Task More_than_a_cpu_has_is_refused_with_nothing_left_behind()
    {
        const string Script = "CRWrite(3){ ReadRegister(CR3, #c) }";
        using GuestLoan loan = await BorrowAsync();
        // An emulated CPU has as many breakpoints as anybody wants.
        if (loan.Guest.Options.Accelerator == GuestAccelerator.Kvm)
            Assert.Equal(VmiErrorCode.TrapRefused, Assert.Throws<VmiException>(() => ProbeRun.Start(loan.Guest, Script, Hardware)).Code);
        else
            ProbeRun.Start(loan.Guest, Script, Hardware).Dispose();
        await loan.Guest.CommandAsync("ping", Cancel);
    }

    /// <summary>Holds that two arguments of each call were recorded, in each process's order.</summary>
    internal static void AssertSeeks(int total, List<VmiRecord> records)
    {
        ulong[][] seeks = [.. records.Cast<RegisterRecord>().Select(record => record.Value).Chunk(2)];
        for (int process = 0; process < SyscallWorkload.Processes; process++)
        {
            Assert.Equal(
                SyscallWorkload.Of(total, process, GuestArchitecture.Amd64, SyscallVariant.Native).Where(call => call.Name == "lseek").Select(call => call.Arguments.Take(2)),
                seeks.Where(call => call[0] == 1000 + (ulong)process));
        }
    }

    private static int Value(VmiRecord record) => BinaryPrimitives.ReadInt32LittleEndian([.. ((MemoryRecord)record).Bytes]);

    private static string DebugRegisters(TestGuest guest)
    {
        using VmiMachine machine = MachineConnector.OpenProcess(guest.ProcessId, VmiLimits.Default);
        return string.Join('\n', machine.GetMonitor().HumanCommand("info registers -a").Split('\n').Where(line => line.StartsWith("DR", StringComparison.Ordinal)));
    }
}
