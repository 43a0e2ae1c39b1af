using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes;
using VmiPl.Probes.GdbStub;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;
using static VmiPl.Tests.Probes.Sessions.Trouble;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>What others do to the gdbstub, the guardian and the monitor that its driver needs while probes run; the guest goes on in every case.</summary>
[Collection(nameof(NativeProgram))]
public sealed class StubTroubleTests(RunningGuest running) : IClassFixture<RunningGuest>
{
    private const string Busy = "Syscall(-){ ReadRegister(RAX, #out) }";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static SessionOptions Options => ProbeRun.Options() with { Driver = SessionDriver.GdbStub };

    private TestGuest Guest => running.Guest;

    [Fact]
    public async Task A_monitor_that_is_held_by_somebody_at_the_end_is_told_and_the_guest_runs()
    {
        using (var run = ProbeRun.Start(Guest, Busy, Options))
        {
            using (new QmpSocket(Guest.MonitorPath!))
            {
                VmiException problem = Assert.Throws<VmiException>(run.Session.Stop);
                Assert.Contains("gdbserver none", problem.Message, StringComparison.Ordinal);
            }
            Assert.Equal(SessionState.Stopped, run.Session.State);
        }
        Assert.Equal("running", QemuTrace.Status(Guest));
        await Guest.CommandAsync("calls 5", Cancel);
        // What stayed open is no obstacle.
        using (var run = ProbeRun.Start(Guest, Busy, Options))
            run.Session.Stop();
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_monitor_whose_socket_is_gone_is_told_and_the_guest_runs()
    {
        string away = Guest.MonitorPath + "-away";
        using (var run = ProbeRun.Start(Guest, Busy, Options))
        {
            using (new QmpSocket(Guest.MonitorPath!))
                File.Move(Guest.MonitorPath!, away);
            Assert.Throws<VmiException>(run.Session.Stop);
            File.Move(away, Guest.MonitorPath!);
        }
        await Guest.CommandAsync("calls 5", Cancel);
        using (var run = ProbeRun.Start(Guest, Busy, Options))
            run.Session.Stop();
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task Another_client_of_the_stub_is_left_alone()
    {
        using var folder = new TemporaryFolder();
        Human(Guest, $"gdbserver unix:{folder.File("other")},server=on,wait=off");
        using (var other = new GdbClient(folder.File("other")))
        {
            Assert.StartsWith("QC", other.Ask("qC"), StringComparison.Ordinal);
            Assert.Equal(VmiErrorCode.StubBusy, Assert.Throws<VmiException>(() => ProbeRun.Start(Guest, Busy, Options)).Code);
            Assert.StartsWith("QC", other.Ask("qC"), StringComparison.Ordinal);
            Assert.Equal("OK", other.Ask("D"));
        }
        // One without a client is somebody's, too.
        Assert.Equal(VmiErrorCode.StubBusy, Assert.Throws<VmiException>(() => ProbeRun.Start(Guest, Busy, Options)).Code);
        Human(Guest, "gdbserver none");
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_stub_that_is_closed_by_somebody_is_cleaned_of_breakpoints()
    {
        using var run = ProbeRun.Start(Guest, Busy, Options);
        Human(Guest, "gdbserver none");
        await run.Session.Over.WaitAsync(Cancel);

        AssertEnded(run, VmiErrorCode.StubLost, VmiErrorCode.GuardianUnavailable);
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_stub_that_is_opened_anew_by_somebody_is_given_back_without_breakpoints()
    {
        using var folder = new TemporaryFolder();
        using (var run = ProbeRun.Start(Guest, Busy, Options))
        {
            using (var monitor = new QmpSocket(Guest.MonitorPath!))
            {
                monitor.Human("gdbserver none");
                monitor.Human($"gdbserver unix:{folder.File("other")},server=on,wait=off");
            }
            await run.Session.Over.WaitAsync(Cancel);
            AssertEnded(run, VmiErrorCode.StubLost, VmiErrorCode.GuardianUnavailable);
        }
        await Guest.CommandAsync("calls 5", Cancel);
        using (var other = new GdbClient(folder.File("other")))
        {
            Assert.StartsWith("QC", other.Ask("qC"), StringComparison.Ordinal);
            Assert.Equal("OK", other.Ask("D"));
        }
        Human(Guest, "gdbserver none");
        await AssertGoesOnAsync(Guest);
    }

    /// <summary>Under load it is taken in the middle of a step now and then, whose end nobody hears.</summary>
    [Fact]
    public async Task A_stub_that_is_opened_anew_while_a_vcpu_is_stepped_leaves_no_step_behind()
    {
        using var folder = new TemporaryFolder();
        await Guest.CommandAsync("load on", Cancel);
        for (int i = 0; i < FullCounts.Or(8, 100); i++)
        {
            string other = folder.File($"other{i}");
            using (var run = ProbeRun.Start(Guest, SessionGuests.Busy, Options))
            {
                await run.NextAsync("out", Cancel);
                using (var monitor = new QmpSocket(Guest.MonitorPath!))
                {
                    monitor.Human("gdbserver none");
                    monitor.Human($"gdbserver unix:{other},server=on,wait=off");
                }
                await run.Session.Over.WaitAsync(Cancel);
                AssertEnded(run, VmiErrorCode.StubLost, VmiErrorCode.GuardianUnavailable);
            }
            await Guest.CommandAsync("ping", Cancel);
            Assert.Equal("running", QemuTrace.Status(Guest));
            Human(Guest, "gdbserver none");
        }
        Assert.Equal(0ul, (await Guest.FactsAsync("load status", Cancel))["errors"]);
        await Guest.CommandAsync("load off", Cancel);
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task Whoever_takes_the_stub_and_is_connected_keeps_it_and_the_error_says_what_is_left()
    {
        using var folder = new TemporaryFolder();
        var options = Options with { Streams = new StreamOptions { Capacity = 1, OnFull = FullPolicy.Block, BlockTimeout = TimeSpan.FromSeconds(5) } };
        using (var run = ProbeRun.Start(Guest, Busy, options))
        {
            Task<string> calls = Guest.CommandAsync("calls 50", Cancel);
            // The driver is held by a full stream meanwhile.
            IdleQemu.Await(() => run.Status(0).Records > 1);
            using var monitor = new QmpSocket(Guest.MonitorPath!);
            monitor.Human("gdbserver none");
            monitor.Human($"gdbserver unix:{folder.File("other")},server=on,wait=off");
            using var other = new GdbClient(folder.File("other"));
            Assert.StartsWith("QC", other.Ask("qC"), StringComparison.Ordinal);
            monitor.Dispose();
            await run.Session.Over.WaitAsync(Cancel);

            AssertEnded(run, VmiErrorCode.StubLost, VmiErrorCode.GuardianUnavailable);
            Assert.Contains("detaches", run.Session.Failure!.Message, StringComparison.Ordinal);
            Assert.StartsWith("QC", other.Ask("qC"), StringComparison.Ordinal);
            Assert.Equal("OK", other.Ask("D"));
            await calls;
        }
        Human(Guest, "gdbserver none");
        await AssertGoesOnAsync(Guest);
    }

    [Fact]
    public async Task A_guardian_that_is_killed_ends_the_session_cleanly()
    {
        await Guest.CommandAsync("load on", Cancel);
        using var run = ProbeRun.Start(Guest, Busy, Options);
        using (Process guardian = Process.GetProcessById(Assert.Single(QemuTrace.Guardians(Guest))))
            guardian.Kill();
        await run.Session.Over.WaitAsync(Cancel);

        AssertEnded(run, VmiErrorCode.StubLost, VmiErrorCode.GuardianUnavailable);
        Assert.Equal(0ul, (await Guest.FactsAsync("load status", Cancel))["errors"]);
        await Guest.CommandAsync("load off", Cancel);
        await AssertGoesOnAsync(Guest);
    }
}
