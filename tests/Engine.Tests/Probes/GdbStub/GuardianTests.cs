using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes.GdbStub;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>What the guardian does in every state in which a host can die.</summary>
[Collection(nameof(NativeProgram))]
public sealed class GuardianTests
{
    private static void AssertFreed(FakeHost host)
    {
        host.AwaitGuardiansEnd();
        Assert.False(host.Stub!.HasCrashed);
        Assert.True(host.Stub.IsRunning);
        Assert.Equal(0, host.Stub.BreakpointCount);
        Assert.Empty(host.Stub.Writes);
    }

    private static void AssertLeftPaused(FakeHost host)
    {
        host.AwaitGuardiansEnd();
        Assert.False(host.Stub!.HasCrashed);
        Assert.False(host.Stub.IsRunning);
        Assert.Equal(0, host.Stub.BreakpointCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_running_guest_runs_on(bool noAck)
    {
        using var host = new FakeHost(noAck);
        host.Attach(noAck);

        host.Die();

        AssertFreed(host);
        Assert.True(host.HasAsked("gdbserver none"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_guest_that_an_event_has_stopped_runs(bool noAck)
    {
        using var host = new FakeHost(noAck);
        host.Attach(noAck);
        host.Stub!.Hit();
        host.AwaitUnread();

        host.Die();

        AssertFreed(host);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_guest_that_the_host_looks_at_runs(bool noAck)
    {
        using var host = new FakeHost(noAck);
        host.Attach(noAck);
        host.Stub!.Hit();
        host.ReadUntil("T05thread:01;");
        for (int i = 0; i < 20; i++)
            host.Send((noAck ? "" : "+") + FakeGdbStub.Packet("m1000,100"));
        host.AwaitUnread();

        host.Die();

        AssertFreed(host);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_guest_that_another_has_paused_unseen_stays_paused(bool noAck)
    {
        using var host = new FakeHost(noAck);
        host.Attach(noAck);
        host.Stub!.PauseByMonitor();
        host.AwaitUnread();

        host.Die();

        AssertLeftPaused(host);
        Assert.True(host.HasAsked("gdbserver none"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_guest_that_another_has_paused_stays_so_where_the_host_had_no_time_to_tell(bool noAck)
    {
        using var host = new FakeHost(noAck);
        host.Attach(noAck);
        host.Stub!.PauseByMonitor();
        host.ReadUntil("T02thread:01;");

        host.Die();

        AssertLeftPaused(host);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_guest_that_the_host_itself_has_stopped_runs(bool noAck)
    {
        using var host = new FakeHost(noAck);
        host.Attach(noAck);
        host.Guardian.ExpectOwnStop();
        host.Send("\x03");
        host.AwaitUnread();

        host.Die();

        AssertFreed(host);
    }

    [Theory]
    [InlineData(false, MonitorManner.Answers)]
    [InlineData(true, MonitorManner.Answers)]
    [InlineData(false, MonitorManner.Hangs)]
    [InlineData(true, MonitorManner.Missing)]
    public void A_guest_that_was_paused_on_purpose_stays_paused(bool noAck, MonitorManner manner)
    {
        using var host = new FakeHost(noAck, manner);
        host.Attach(noAck);
        host.Guardian.LeavePaused();
        host.Stub!.PauseByMonitor();
        host.ReadUntil("T02thread:01;");

        host.Die();

        AssertLeftPaused(host);
    }

    [Fact]
    public void A_guest_that_is_to_run_again_after_a_pause_runs()
    {
        using var host = new FakeHost();
        host.Attach(noAck: false);
        host.Guardian.LeavePaused();
        host.Guardian.LetRun();
        host.Stub!.Hit();

        host.Die();

        AssertFreed(host);
    }

    [Theory]
    [InlineData(MonitorManner.Answers)]
    [InlineData(MonitorManner.Hangs)]
    [InlineData(MonitorManner.Missing)]
    public void A_guest_that_was_paused_and_runs_again_runs_on(MonitorManner manner)
    {
        using var host = new FakeHost(manner: manner);
        host.Attach(noAck: false);
        host.Guardian.LeavePaused();
        host.Stub!.PauseByMonitor();
        host.ReadUntil("T02thread:01;");
        host.Send("+");
        host.Ask("m1000,4", new string('0', 512), acknowledge: true);
        host.Stub.ContinueByMonitor();

        host.Die();

        AssertFreed(host);
    }

    [Theory]
    [InlineData("$")]
    [InlineData("$Z0,30")]
    [InlineData("$Z0,3000,1#")]
    [InlineData("$D#4")]
    [InlineData("$M1000,1:f}")]
    [InlineData("$M1000,1:f*")]
    [InlineData("$M1000,1:ff#z")]
    [InlineData("$M1000,1:ff#0z")]
    [InlineData("M1000,1:ff")]
    [InlineData("$M1000,4:ffffffffffffHH")]   // its sum is 0, so that "#00" would have it carried out
    public void A_packet_that_was_cut_short_does_nothing(string cut)
    {
        foreach (bool noAck in (bool[])[false, true])
        {
            using var host = new FakeHost(noAck);
            host.Attach(noAck);
            host.Stub!.Hit();
            host.ReadUntil("T05thread:01;");
            host.Send((noAck ? "" : "+") + cut);

            host.Die();

            AssertFreed(host);
        }
    }

    [Fact]
    public void The_sum_of_one_of_the_cut_packets_is_zero() => Assert.EndsWith("#00", FakeGdbStub.Packet("M1000,4:ffffffffffffHH"), StringComparison.Ordinal);

    [Fact]
    public void A_host_that_has_detached_already_leads_to_no_second_detach()
    {
        using var host = new FakeHost();
        host.Attach(noAck: false);
        host.Stub!.Hit();
        host.ReadUntil("T05thread:01;");
        host.Ask("D;1", "OK", acknowledge: false);

        host.Die();

        AssertFreed(host);
    }

    [Fact]
    public void Whatever_was_sent_before_the_guest_is_freed()
    {
        var random = new Random(20251);
        string[] pieces = ["$", "#", "}", "*", "~", "+", "-", "\x03", "$?#3f", "$c#63", "$m0,4#fd", "$Z0,4000,1#da", "$Hcp1.2", "$D;1#b0", "x", "00"];
        for (int run = 0; run < FullCounts.Or(25, 400); run++)
        {
            bool noAck = random.Next(2) == 0;
            using var host = new FakeHost(noAck);
            host.Attach(noAck);
            host.Guardian.ExpectOwnStop();
            string sent = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => pieces[random.Next(pieces.Length)]));
            host.Send(sent);
            if (random.Next(2) == 0)
                host.Stub!.Hit();

            host.Die();
            host.AwaitGuardiansEnd();

            // A host that goes on after its own detach crashes QEMU by itself.
            if (sent.Contains("$D;1#b0", StringComparison.Ordinal))
                continue;
            Assert.True(host.Stub!.IsRunning, sent);
            Assert.Equal((0, false), (host.Stub.BreakpointCount, host.Stub.HasCrashed));
        }
    }

    [Fact]
    public void A_hung_monitor_holds_nothing_up()
    {
        using var host = new FakeHost(manner: MonitorManner.Hangs);
        host.Attach(noAck: false);
        host.Stub!.Hit();

        host.Die();
        IdleQemu.Await(() => host.Stub.IsRunning && host.Stub.BreakpointCount == 0);

        AssertFreed(host);
    }

    [Fact]
    public void A_QEMU_that_hangs_for_a_while_finds_the_detach_when_it_wakes()
    {
        using var host = new FakeHost();
        host.Attach(noAck: false);
        host.Stub!.Hit();
        host.Stub.Hang();

        host.Die();
        // The end of the first connection was seen; the next one waits, with all that was sent on it.
        Assert.True(host.GuardianLives);
        host.Stub.Wake();

        AssertFreed(host);
    }

    [Fact]
    public void A_QEMU_that_hangs_for_good_is_given_up()
    {
        using var host = new FakeHost(manner: MonitorManner.Hangs);
        host.Attach(noAck: false);
        host.Stub!.Hang();

        host.Die();

        host.AwaitGuardiansEnd();
    }

    [Fact]
    public void A_host_that_dies_before_it_connects_leaves_no_gdbstub_and_no_files()
    {
        using var host = new FakeHost();

        host.Die();

        AssertFreed(host);
        Assert.Equal(0, host.Stub!.Stops);
        Assert.True(host.HasAsked("gdbserver none"));
    }

    [Fact]
    public void A_gdbstub_that_is_not_the_hosts_is_not_closed()
    {
        using var host = new FakeHost(listens: false);

        host.Die();

        host.AwaitGuardiansEnd();
        Assert.Empty(host.Asked);
    }

    [Fact]
    public async Task The_end_of_QEMU_ends_the_guardian()
    {
        using var host = new FakeHost();
        host.Attach(noAck: false);
        Assert.False(host.Guardian.Ended.IsCompleted);

        host.Stub!.Close();

        await host.Guardian.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        host.AwaitGuardiansEnd();
        Assert.Empty(host.Asked);
        Assert.Equal(VmiErrorCode.GuardianUnavailable, Assert.Throws<VmiException>(host.Guardian.LeavePaused).Code);
        host.Guardian.Quit();
    }

    [Fact]
    public async Task The_end_of_the_guardian_is_seen()
    {
        using var host = new FakeHost();
        host.Attach(noAck: false);

        using (Process guardian = Process.GetProcessById(host.Guardian.ProcessId))
            guardian.Kill();

        await host.Guardian.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.True(host.Connection!.Connected);
    }

    [Fact]
    public void A_clean_end_touches_nothing_but_the_files()
    {
        using var host = new FakeHost();
        host.Attach(noAck: false);
        int stops = host.Stub!.Stops;

        host.Guardian.Quit();

        host.AwaitGuardiansEnd();
        Assert.True(host.Guardian.Ended.IsCompleted);
        Assert.Equal((stops, true, 4), (host.Stub.Stops, host.Stub.IsRunning, host.Stub.BreakpointCount));
        Assert.Empty(host.Asked);
    }

    [Fact]
    public void A_gdbstub_that_is_not_there_can_be_tried_again()
    {
        using var host = new FakeHost(listens: false);
        Assert.Equal(VmiErrorCode.MonitorUnavailable, Assert.Throws<VmiException>(() => host.Guardian.Connect(TimeSpan.FromSeconds(30))).Code);

        host.Stub = new FakeGdbStub(host.Folder.SocketPath, knowsNoAck: false);
        host.Attach(noAck: false);
        Assert.Throws<InvalidOperationException>(() => host.Guardian.Connect(TimeSpan.FromSeconds(30)));

        host.Die();
        AssertFreed(host);
    }

    [Fact]
    public void Signals_and_the_hosts_terminal_do_not_reach_it()
    {
        using var host = new FakeHost();
        host.Attach(noAck: false);
        int id = host.Guardian.ProcessId;
        foreach (string signal in (string[])["-INT", "-HUP", "-TERM", "-QUIT", "-PIPE"])
        {
            using Process kill = Process.Start("kill", [signal, $"{id}"]);
            kill.WaitForExit();
        }
        string[] stat = File.ReadAllText($"/proc/{id}/stat").Split(") ")[1].Split(' ');   // state, parent, group, session, terminal
        Assert.Equal(($"{id}", "0"), (stat[3], stat[4]));
        Assert.NotEqual($"{Environment.ProcessId}", stat[1]);
        Assert.All(Directory.GetFiles($"/proc/{id}/fd"), fd => Assert.Matches("^(/dev/null|socket:.*)$", File.ResolveLinkTarget(fd, false)!.Name is var name && name == "null" ? "/dev/null" : name));

        host.Die();
        AssertFreed(host);
    }

    [Fact]
    public void A_human_monitor_serves_as_well()
    {
        var asked = new List<string>();
        using var monitor = new FakeMonitor((stream, _) =>
        {
            FakeMonitor.Send(stream, "QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ");
            using var lines = new StreamReader(stream);
            while (lines.ReadLine() is { } line)
            {
                lock (asked)
                    asked.Add(line);
                FakeMonitor.Send(stream, $"\x1b[K{line}\x1b[D\r\nVM status: running\r\n(qemu) ");
            }
        });
        using var host = new FakeHost(words: ["hmp", monitor.Endpoint.Path!]);
        host.Attach(noAck: false);
        host.Guardian.LeavePaused();

        host.Die();

        AssertFreed(host);
        host.AwaitGuardiansEnd();
        // Behind the stub's end it looks whether the machine runs on.
        Assert.Equal(["info status", "gdbserver none", "info status"], asked.Take(3));
        Assert.All(asked.Skip(2), line => Assert.Equal("info status", line));
    }

    [Theory]
    [InlineData("echo \"$@\" >> \"$0\"; echo VM status: running", true)]
    [InlineData("echo \"$@\" >> \"$0\"; echo VM status: paused", false)]
    [InlineData("echo \"$@\" >> \"$0\"; exec sleep 60", false)]
    public void A_program_serves_as_a_monitor(string script, bool runs)
    {
        using var folder = new TemporaryFolder();
        using var host = new FakeHost(words: ["run", "/bin/sh", "-c", script, folder.File("asked"), "--hmp"]);
        host.Attach(noAck: false);
        host.Guardian.LeavePaused();
        host.Stub!.PauseByMonitor();
        host.ReadUntil("T02thread:01;");

        host.Die();

        host.AwaitGuardiansEnd();
        Assert.Equal((runs, 0), (host.Stub.IsRunning, host.Stub.BreakpointCount));
        string[] asked = File.ReadAllLines(folder.File("asked"));
        Assert.Equal(["--hmp info status", "--hmp gdbserver none"], asked.Take(2));
        Assert.Equal(runs, asked.Length > 2);
        Assert.All(asked.Skip(2), line => Assert.Equal("--hmp info status", line));
    }

    /// <summary>QEMU's TCG may tell a stop when nobody is there to hear of it.</summary>
    [Theory]
    [InlineData("", true)]
    [InlineData("gdb: filename=unix:/somebody/elses,server=on", false)]
    public void A_stop_that_comes_behind_the_end_is_no_end_for_the_guest(string chardevs, bool resumes)
    {
        using var folder = new TemporaryFolder();
        string script = $"echo \"$2\" >> \"$0\"; case \"$2\" in 'info status') echo 'VM status: paused (debug)';; 'info chardev') echo '{chardevs}';; esac";
        using var host = new FakeHost(words: ["run", "/bin/sh", "-c", script, folder.File("asked"), "--hmp"]);
        host.Attach(noAck: false);
        host.Guardian.ExpectOwnStop();

        host.Die();

        AssertFreed(host);
        host.AwaitGuardiansEnd();
        string[] asked = File.ReadAllLines(folder.File("asked"));
        Assert.Equal(["gdbserver none", "info status", "info chardev"], asked.Take(3));
        Assert.Equal(resumes, asked.Contains("cont"));
    }
}
