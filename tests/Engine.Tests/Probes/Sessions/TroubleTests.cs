using System.Diagnostics;
using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Language;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Probes.GdbStub;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

using static VmiPl.Tests.Probes.Sessions.Trouble;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>What others do to a machine while probes run, whichever driver runs them; the guest goes on in every case.</summary>
[Collection(nameof(NativeProgram))]
public sealed class TroubleTests(RunningGuest running) : IClassFixture<RunningGuest>
{
    private const string Calls = "Syscall(getpid){ ReadRegister(RIP, #out) }", Busy = "Syscall(-){ ReadRegister(RAX, #out) }";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private TestGuest Guest => running.Guest;

    [Fact]
    public async Task A_pause_by_somebody_else_is_told_and_outlives_the_probes()
    {
        using var run = ProbeRun.Start(Guest, Busy);
        Tell(Guest, "stop");
        Assert.Contains("paused", Assert.IsType<NoticeRecord>(await run.NextAsync("default", Cancel)).Text, StringComparison.Ordinal);
        // Control goes on.
        run.Session.Enable(0, false);
        run.Session.Enable(0, true);
        run.Session.Stop();

        QemuTrace.AssertClean(Guest, "paused");
        Tell(Guest, "cont");
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task Whoever_pauses_the_machine_can_resume_it_over_a_monitor_that_he_keeps()
    {
        using var run = ProbeRun.Start(Guest, Busy);
        using (var monitor = new QmpSocket(Guest.MonitorPath!))
        {
            monitor.Execute("stop");
            await run.NextAsync("default", Cancel);
            run.Session.Enable(0, true);
            monitor.Execute("cont");
            long hits = run.Status(0).Hits;
            await Guest.CommandAsync("ping", Cancel);
            IdleQemu.Await(() => run.Status(0).Hits > hits);
        }
        Assert.Equal(SessionState.Running, run.Session.State);
        run.Session.Stop();
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_paused_machine_stays_paused_when_its_host_is_killed()
    {
        using (Process host = HostedSession.Start(Guest, "wait", Busy))
        {
            host.StandardInput.WriteLine();
            Assert.Equal("started", await host.StandardOutput.ReadLineAsync(Cancel));
            // A stop that comes while the machine stands still for an event is none.
            IdleQemu.Await(() =>
            {
                Tell(Guest, "stop");
                return QemuTrace.Status(Guest) == "paused";
            });
            host.Kill();
            await host.WaitForExitAsync(Cancel);
        }

        QemuTrace.AssertClean(Guest, "paused");
        Tell(Guest, "cont");
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_paused_machine_gets_probes_that_work_when_it_runs()
    {
        Tell(Guest, "stop");
        using (var run = ProbeRun.Start(Guest, Busy))
        {
            Assert.Equal("paused", QemuTrace.Status(Guest));
            Tell(Guest, "cont");
            await Guest.CommandAsync("calls 5", Cancel);
            Assert.NotEmpty(run.Stop("out"));
        }
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    [Trait(LabSet.Trait, LabSet.Probes)]
    public async Task A_script_pauses_the_machine_and_an_operator_resumes_it()
    {
        using var run = ProbeRun.Start(Guest, Calls + "ExecuteAt(do_exit){ Pause }");
        Task<string> spawned = Guest.CommandAsync("spawn 10", Cancel);
        DateTime last = default;
        for (int pauses = 0; pauses < 4;)
        {
            // Each process that ends pauses it once more; two that end at the same moment do so together.
            PauseRecord pause = Assert.IsType<PauseRecord>(await run.NextAsync("default", Cancel));
            if (pause.Time == last)
                continue;
            last = pause.Time;
            if (++pauses == 4)
                run.Session.Enable(1, false);
            // Whoever hears of a pause may resume the machine at once.
            Tell(Guest, "cont");
        }
        await spawned;
        await Guest.CommandAsync("calls 5", Cancel);
        Assert.NotEmpty(run.Stop("out"));
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_full_disk_is_told_and_holds_nobody()
    {
        using var run = ProbeRun.Start(Guest, """Syscall(-){ ReadRegister(RAX, "/dev/full") }  Syscall(-){ ReadRegister(RAX, #out) }""");
        await Guest.CommandAsync("calls 20", Cancel);
        Assert.Contains("/dev/full", (await run.NextAsync("default", Cancel)).Error, StringComparison.Ordinal);
        Assert.Equal(SessionState.Running, run.Session.State);
        run.Session.Stop();

        Assert.Equal(run.Status(0).Records, run.Status(0).Lost);
        Assert.Equal(run.Status(0).Hits, run.Drain("out").Count);
        Assert.Equal(0, run.Status(1).Lost);
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_consumer_that_never_reads_holds_the_guest_once()
    {
        const int Capacity = 10;
        var options = ProbeRun.Options() with { Streams = new StreamOptions { Capacity = Capacity, OnFull = FullPolicy.Block, BlockTimeout = TimeSpan.FromSeconds(2) } };
        using var run = ProbeRun.Start(Guest, Busy, options);
        // Were each of these held, the guest would not answer in time.
        await Guest.CommandAsync("calls 300", Cancel);
        run.Session.Stop();

        Assert.True(run.Status(0).Records > 300);
        Assert.Equal(run.Status(0).Records - Capacity, run.Status(0).Lost);
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task Probes_are_stopped_while_a_full_stream_holds_the_guest()
    {
        var options = ProbeRun.Options() with { Streams = new StreamOptions { Capacity = 1, OnFull = FullPolicy.Block, BlockTimeout = TimeSpan.FromSeconds(3) } };
        using var run = ProbeRun.Start(Guest, Busy, options);
        Task<string> calls = Guest.CommandAsync("calls 50", Cancel);
        IdleQemu.Await(() => run.Status(0).Records > 1);
        run.Session.Stop();

        Assert.Equal(SessionState.Stopped, run.Session.State);
        await calls;
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_storm_of_events_starves_no_control()
    {
        await Guest.CommandAsync("load on", Cancel);
        using (var run = ProbeRun.Start(Guest, SessionGuests.Busy, ProbeRun.Options() with { Streams = new StreamOptions { Capacity = 1000 } }))
        {
            for (int i = 0; i < 4; i++)
            {
                long hits = run.Status(1).Hits;
                IdleQemu.Await(() => run.Status(1).Hits > hits + 3);
                run.Session.Enable(1, false);
                long then = run.Status(1).Hits;
                run.Session.Enable(0, i % 2 == 0);
                Assert.Equal(then, run.Status(1).Hits);
                run.Session.Enable(1, true);
            }
            run.Session.Stop();
            Assert.Equal(run.Session.Probes.Sum(probe => probe.Records - probe.Lost), run.Drain("out").Count(record => record is not LossRecord));
        }
        Assert.Equal(0ul, (await Guest.FactsAsync("load status", Cancel))["errors"]);
        await Guest.CommandAsync("load off", Cancel);
        await AssertGoesOnAsync(Guest);
    }

    [Theory]
    [InlineData("ExecuteAt(no_such_function){ ReadRegister(RIP, #out) }")]
    [InlineData("Syscall(no_such_call){ ReadRegister(RIP, #out) }")]
    [InlineData("ReadAt(0x800000000000){ ReadRegister(RIP, #out) }")]
    public void A_script_for_another_machine_does_not_compile(string script)
    {
        using VmiMachine machine = MachineConnector.OpenProcess(Guest.ProcessId, VmiLimits.Default);
        var linux = LinuxGuest.Of(machine);
        CompiledScript compiled = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(script)), linux);
        Assert.True(compiled.HasErrors);
        Assert.Equal(VmiErrorCode.InvalidArgument, Assert.Throws<VmiException>(() => ProbeSession.Start(linux, compiled)).Code);
        QemuTrace.AssertClean(Guest);
    }

    [Fact]
    public async Task Addresses_of_another_machine_yield_records_that_say_so()
    {
        using var run = ProbeRun.Start(Guest, """
            Configuration{
                ProcessListHead: 0xc17cdfe0
                TasksOffset: 440
                PIDOffset: 520
                ProcessNameOffset: 744
                MMStructOffset: 468
            }
            ExecuteAt(0x1){ ReadRegister(RIP, #never) }
            ExecuteAt(do_exit){
                ProcessList(PID, NAME, #out)
                ReadMemory(0xc17cdfe0, 16, #out)
            }
            """);
        await Guest.CommandAsync("spawn 1", Cancel);
        List<VmiRecord> records = run.Stop("out");
        Assert.NotEmpty(records);
        Assert.All(records, record => Assert.NotNull(record.Error));
        Assert.Empty(run.Drain("never"));
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_machine_that_is_gone_ends_the_session()
    {
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions { MemoryMiB = 256 }, Cancel);
        using var run = ProbeRun.Start(guest, Busy);
        using (Process qemu = Process.GetProcessById(guest.ProcessId))
            qemu.Kill();
        await run.Session.Over.WaitAsync(Cancel);

        AssertEnded(run, VmiErrorCode.MachineLost);
        run.Session.Stop();
        Assert.Equal(SessionState.Ended, run.Session.State);
        IdleQemu.Await(() => QemuTrace.Guardians(guest).Count == 0);
    }

    [Fact]
    public async Task A_machine_that_is_powered_off_ends_the_session()
    {
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions { MemoryMiB = 256 }, Cancel);
        using var run = ProbeRun.Start(guest, Busy);
        Tell(guest, "quit");
        await run.Session.Over.WaitAsync(Cancel);

        AssertEnded(run, VmiErrorCode.MachineLost);
        IdleQemu.Await(() => QemuTrace.Guardians(guest).Count == 0);
    }

    [Fact]
    public async Task A_machine_that_stays_after_its_shutdown_is_told_and_left_so()
    {
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions { MemoryMiB = 256 }, Cancel);
        Tell(guest, "set-action", new { shutdown = "pause" });
        using var run = ProbeRun.Start(guest, Busy);
        // QEMU was started with -no-reboot.
        Tell(guest, "system_reset");
        Assert.Contains("shut down", Assert.IsType<NoticeRecord>(await run.NextAsync("default", Cancel)).Text, StringComparison.Ordinal);
        run.Session.Stop();

        QemuTrace.AssertClean(guest, "shutdown");
    }

    /// <summary>No reset is trapped under KVM: there a kernel that boots at another place is the harder one to tell.</summary>
    [Theory]
    [InlineData(true, Traits = [LabSet.Trait, LabSet.Probes])]
    [InlineData(false)]
    public async Task A_guest_that_boots_again_ends_the_session(bool kaslr)
    {
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions { MemoryMiB = 256, Vcpus = 2, Kaslr = kaslr }, Cancel);
        Tell(guest, "set-action", new { reboot = "reset" });
        using var run = ProbeRun.Start(guest, "ExecuteAt(do_exit){ ReadRegister(RIP, #out) }");
        Tell(guest, "system_reset");
        await run.Session.Over.WaitAsync(Cancel);

        AssertEnded(run, VmiErrorCode.GuestChanged);
        QemuTrace.AssertClean(guest);
        // Init says once more that it is ready.
        Assert.Equal("ready", await guest.CommandAsync("ping", Cancel));
        await guest.CommandAsync("ping", Cancel);
        QemuTrace.AssertClean(guest);
    }
}
