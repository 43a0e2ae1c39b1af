using System.Globalization;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Interrupts, requests, pauses and resumptions, and the publication's own example.</summary>
[Collection(nameof(SessionGuests))]
public sealed class EventSessionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(SessionGuests.All), MemberType = typeof(SessionGuests))]
    public async Task Exceptions_are_counted_exactly(string kernel, int vcpus)
    {
        const int Pages = 256;
        int count = FullCounts.Or(300, 3000);
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        using ProbeRun run = ProbeRun.Start(loan.Guest, $$"""
            Interrupt(14){ RegisterHasValue(CR2, 0x20005000){ ReadRegister(CR2, #fault) } }
            Interrupt(3){ ReadMemoryAt({{(kernel == GuestKernel.I386.Name ? "ESP" : "RSP")}}, 4, 0, #int3) }
            """);
        await loan.Guest.CommandAsync($"faults {count}", Cancel);
        ulong site = (await loan.Guest.FactsAsync("int3 50", Cancel))["address"];
        List<VmiRecord> faults = run.Stop("fault");
        // The pages are touched in turn, from the first one on.
        Assert.Equal((count - 5 + Pages - 1) / Pages, faults.Count);
        Assert.All(faults, record => Assert.Equal(0x20005000u, ((RegisterRecord)record).Value));
        Breakpoints.AssertCount(50, site, run.Drain("int3"));
    }

    [Theory, MemberData(nameof(SessionGuests.Few), MemberType = typeof(SessionGuests))]
    public async Task An_operator_asks_pauses_and_resumes(string kernel, int vcpus)
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        using ProbeRun run = ProbeRun.Start(loan.Guest, """
            OnExternalRequest(7){ ReadRegister(IDTR, #asked) ReadVMCS(VM_EXIT_REASON, #asked) ProcessList(PID, NAME, #list) }
            OnExternalRequest(8){ Pause }
            OnResume{ ReadRegister(EIP, #resumed) }
            """);
        Assert.Equal(1, run.Session.Request(7));
        Assert.Equal(0, run.Session.Request(9));
        var idt = (RegisterRecord)await run.NextAsync("asked", Cancel);
        Assert.Equal(RegisterReader.Read(run.Machine)[0].IdtBase, idt.Value);
        // The stub tells nothing of the exit; where a vCPU is brought out by a signal, KVM does.
        Assert.Equal(TestDriver.IsShim, ((VmcsRecord)await run.NextAsync("asked", Cancel)).ExitReason is not null);
        Assert.Contains(run.Drain("list"), record => record is ProcessRecord { ProcessId: 1, Name: "init" });
        // The stub sees a resumption of the machine, the shim each return to the guest from QEMU.
        if (!TestDriver.IsShim)
            Assert.Empty(run.Drain("resumed"));

        Assert.Equal(1, run.Session.Request(8));
        Assert.Equal(MachineState.Paused, run.Machine.QueryState());
        Assert.IsType<PauseRecord>(await run.NextAsync("default", Cancel));
        // A request works on a machine that is paused, and leaves it so.
        Assert.Equal(1, run.Session.Request(7));
        Assert.Equal(MachineState.Paused, run.Machine.QueryState());
        run.Machine.GetMonitor().Resume();
        var resumed = new List<int>();
        while (TestDriver.IsShim ? resumed.Distinct().Count() < vcpus : resumed.Count < vcpus)
            resumed.Add((await run.NextAsync("resumed", Cancel)).Vcpu);
        Assert.Equal(Enumerable.Range(0, vcpus), TestDriver.IsShim ? resumed.Distinct().Order() : resumed);
        Assert.Equal(MachineState.Running, run.Machine.QueryState());
        await loan.Guest.CommandAsync("ping", Cancel);
    }

    [Fact]
    public async Task A_stream_probe_is_switched_off_and_on_and_counts_on()
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_1.Name, 1);
        using ProbeRun run = ProbeRun.Start(loan.Guest, "CaptureKeyboardInput(#keys)");
        Assert.Null(run.Session.Driver);
        var seen = new List<(string, bool, long)>();
        foreach (string key in (string[])["a", "b", "c"])
        {
            run.Session.Enable(0, enabled: key != "b");
            run.Machine.GetMonitor().HumanCommand($"sendkey {key}");
            for (int i = 0; i < 2 && key != "b"; i++)
            {
                var record = (KeyRecord)await run.NextAsync("keys", Cancel);
                seen.Add((record.Key, record.IsPressed, record.Sequence));
            }
            Assert.Equal(key != "b", run.Status(0).IsEnabled);
        }
        Assert.Equal([("a", true, 0), ("a", false, 1), ("c", true, 2), ("c", false, 3)], seen);
        Assert.Empty(run.Stop("keys"));
        Assert.Equal(4, run.Status(0).Records);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task The_publications_example_runs_on_a_32_bit_guest(bool withConfiguration)
    {
        Assert.SkipUnless(SessionGuests.Has32Bit, "32-bit kernels do not run in the lab.");
        const string Mac = "00:16:35:AF:94:4B";
        var options = new GuestOptions
        {
            Kernel = GuestKernel.I386, QemuArguments = $"-device virtio-net-pci,netdev=n,mac={Mac} -netdev user,id=n,restrict=on",
            Modules = "virtio_net",
        };
        using GuestLoan loan = await GuestFacts.BorrowAsync(options);
        string configuration, exit;
        using (VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, VmiLimits.Default))
        {
            LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
            configuration = withConfiguration ? $"Configuration{{\n{string.Join('\n', guest.Profile.Entries.Where(entry => !entry.Key.StartsWith("Syscall", StringComparison.Ordinal)).Select(entry => $"    {entry.Key}: {(entry.Key == "ProcessListHead" ? $"0x{entry.Value:x}" : entry.Value)}"))}\n}}\n" : "";
            Assert.True(guest.TryFindSymbol("do_exit", out GuestVirtualAddress address));
            exit = address.Value.ToString("x", CultureInfo.InvariantCulture);
        }
        using ProbeRun run = ProbeRun.Start(loan.Guest, $$"""
            {{configuration}}
            CRWrite(3){
                ReadRegister(CR3, #demo)
            }
            ExecuteAt(0x{{exit}}){
                ProcessList(PID, NAME, PATH, PGDP, #demo)
                ReadRegister(CR3, #demo)
            }
            CaptureNetwork({{Mac}}, #demo)
            """);
        string pid = await loan.Guest.CommandAsync("start /usr/bin/example", Cancel);
        await loan.Guest.CommandAsync("stop " + pid, Cancel);
        List<VmiRecord> records = run.Stop("demo");
        Assert.Contains(records, record => record is RegisterRecord { Event: "CRWrite" });
        Assert.Contains(records, record => record is RegisterRecord { Event: "ExecuteAt" });
        Assert.Contains(records, record => record is ProcessRecord { Name: "example", Path: "/usr/bin/example", PageDirectory: not null } process && process.ProcessId == int.Parse(pid, CultureInfo.InvariantCulture));
    }
}
