using System.Management.Automation;
using System.Net.Sockets;
using System.Text;
using VmiPl.TestGuests;
using VmiPl.Tests.Host;
using VmiPl.Tests.Module;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Probe sessions: started, changed, asked, stopped, and never left behind.</summary>
public sealed class ProbeTests(GuestFixture fixture) : GuestTests(fixture)
{
    private const string Exits = "exits: ExecuteAt(do_exit){ ReadRegister(CR3, #exits) }";

    [Fact]
    public async Task A_script_runs_and_is_gone_when_it_is_stopped()
    {
        PSObject probe = Assert.Single(Get($"($p = Start-VmiProbe $name -ScriptText '{Exits}' -Name deaths)"));
        Assert.Equal((1, "deaths", Guest.Name, "Running", "<text>"), (probe.Properties["Id"].Value, probe.Properties["Name"].Value,
            probe.Properties["Machine"].Value, probe.Properties["State"].Value, probe.Properties["Script"].Value));
        Assert.Equal(["default", "exits"], (string[])probe.Properties["Streams"].Value);
        Assert.True(DateTime.Now - (DateTime)probe.Properties["StartTime"].Value < TimeSpan.FromHours(1));
        Assert.True(HasStub());

        await SpawnAsync(20);
        Assert.Equal(20, Get("Receive-VmiStream -Wait -Count 20").Count);

        Assert.True(One<long>("$p.Probes[0].Hits") >= 20);
        Assert.Contains("do_exit", One<string>("\"$($p.Probes[0].Places)\""), StringComparison.Ordinal);
        Assert.Empty(Get("Get-VmiStream $name | Where-Object { $_.Written -ne $_.Read + $_.Waiting + $_.Lost }"));
        Assert.Equal("Stopped", One<string>("($p | Stop-VmiProbe -PassThru).State"));
        Assert.Empty(Get("Get-VmiProbe"));
        Assert.False(HasStub());
        await Guest.CommandAsync("ping", TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_machine_with_busy_probes_is_paused_and_resumed_when_that_is_asked_for()
    {
        Get("$p = Start-VmiProbe $name -ScriptText 'Syscall{ ReadRegister(EAX, #calls) }'");
        Task<string> busy = Guest.CommandAsync("calls 40", TestContext.Current.CancellationToken);
        Get("$p | Receive-VmiStream -Wait -Count 3");
        Get("Suspend-VmiMachine $name");
        Assert.Equal("Paused", One<string>("(Get-VmiMachine $name).State"));
        long hits = One<long>("$p.Probes[0].Hits");
        Assert.Empty(Get("$p | Receive-VmiStream | Out-Null; $p | Receive-VmiStream -Timeout 1"));
        Assert.Equal(hits, One<long>("$p.Probes[0].Hits"));
        Get("Resume-VmiMachine $name");
        await busy;
        Get("$p | Stop-VmiProbe");
        Assert.False(HasStub());
    }

    [Fact]
    public async Task An_exported_configuration_serves_a_script_of_a_32_bit_guest()
    {
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions { Kernel = GuestKernel.I386 }, TestContext.Current.CancellationToken);
        Get($"$c = Export-VmiProfile {guest.Name} -AsConfiguration");
        Assert.Contains("ProcessListHead", One<string>("$c"), StringComparison.Ordinal);
        Get($"$q = Start-VmiProbe {guest.Name} -ScriptText ($c + ' CRWrite(3){{ ReadRegister(CR3, #demo) }} ExecuteAt(do_exit){{ ProcessList(PID, NAME, PATH, PGDP, #demo) ReadRegister(CR3, #demo) }}')");
        await guest.CommandAsync("spawn 2", TestContext.Current.CancellationToken);
        Get("$q | Stop-VmiProbe; $r = $q | Receive-VmiStream");
        Assert.True(One<int>("@($r | Where-Object { $_.Event -eq 'CRWrite' -and $_.PageDirectory }).Count") > 0);
        Assert.Equal(2, One<int>("@($r | Where-Object { $_.Event -eq 'ExecuteAt' -and $_.Probe -eq 'ReadRegister' }).Count"));
        Assert.True(One<int>("@($r | Where-Object { $_.Probe -eq 'ProcessList' -and $_.ProcessId -eq 1 -and $_.Name -eq 'init' -and $_.PageDirectory }).Count") == 2);
    }

    [Fact]
    public void A_script_with_errors_starts_nothing()
    {
        ModuleResult result = Session.Run("Start-VmiProbe $name -ScriptText 'ExecuteAt(no_such_symbol){ Pause }'");
        Assert.StartsWith("VMI3010,", Assert.Single(result.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(result.Output);
        Assert.StartsWith("VMI2001,", Assert.Single(Session.Run("Start-VmiProbe $name -ScriptText 'ExecuteAt(do_exit){ Paus }'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Fails("Start-VmiProbe $name -ScriptText 'Reconfigure(0)'", "InvalidArgument", ErrorCategory.InvalidArgument);
        Assert.Empty(Get("Get-VmiProbe"));
        Assert.False(HasStub());
    }

    [Fact]
    public void A_file_gives_the_session_its_name_and_outputs_start_at_the_location()
    {
        File.WriteAllText(Path.Combine(Folder, "deaths.vmipl"), "ExecuteAt(do_exit){ ReadRegister(CR3, \"deaths.log\") }");
        Assert.Equal("deaths", One<string>("(Start-VmiProbe $name ./deaths.vmipl).Name"));
        Assert.True(File.Exists(Path.Combine(Folder, "deaths.log")));
        Assert.Equal(Path.Combine(Folder, "deaths.log"), One<string>("(Get-VmiStream | Where-Object Kind -eq File).Name"));
        Assert.Equal("deaths", One<string>("(Stop-VmiProbe -Id 1 -PassThru).Name"));
    }

    [Fact]
    public void WhatIf_touches_nothing()
    {
        Assert.Empty(Get($"Start-VmiProbe $name -ScriptText '{Exits}' -WhatIf"));
        Assert.False(HasStub());
        Get($"$p = Start-VmiProbe $name -ScriptText '{Exits}'; $p | Stop-VmiProbe -WhatIf; $p | Set-VmiProbe -Disable -Probe exits -WhatIf");
        Assert.Equal("Running True", One<string>("\"$($p.State) $($p.Probes[0].IsEnabled)\""));
    }

    [Fact]
    public void One_script_at_a_time_runs_on_a_machine()
    {
        Get($"$p = Start-VmiProbe $name -ScriptText '{Exits}'");
        Fails($"Start-VmiProbe $name -ScriptText '{Exits}'", "ProbeRunning", ErrorCategory.ResourceExists);
        Assert.Equal("Running", One<string>("$p.State"));
        Get("Disconnect-VmiMachine $p.Machine -ErrorAction Ignore; Get-VmiMachine $name | Disconnect-VmiMachine");
        Assert.Equal("Stopped", One<string>("$p.State"));
    }

    [Fact]
    public async Task Probes_change_while_they_run()
    {
        Get("$p = Start-VmiProbe $name -ScriptText 'ends: ExecuteAt(do_exit){ }'");
        await SpawnAsync(3);
        Assert.Empty(Get("$p | Receive-VmiStream | Where-Object Event -eq ExecuteAt"));
        Fails("$p | Receive-VmiStream -Stream ends", "StreamNotFound", ErrorCategory.ObjectNotFound);
        Get("Set-VmiProbe $name -ScriptText 'Reconfigure(ends){ ReadRegister(CR3, #ends) }'");
        await SpawnAsync(3);
        Assert.Equal(3, Get("$p | Receive-VmiStream -Wait -Count 3 -Stream ends").Count);

        Get("$p | Set-VmiProbe -Disable -Probe ENDS");
        Get("$null = $p | Receive-VmiStream");
        await SpawnAsync(3);
        Assert.Empty(Get("$p | Receive-VmiStream"));
        Get("Set-VmiProbe -Id 1 -Enable -Probe 0");
        await SpawnAsync(3);
        Assert.Equal(3, Get("$p | Receive-VmiStream -Wait -Count 3").Count);

        Fails("$p | Set-VmiProbe -Enable -Probe nothing", "ProbeNotFound", ErrorCategory.ObjectNotFound);
        Assert.NotEmpty(Session.Run("$p | Set-VmiProbe -ScriptText 'Reconfigure(nothing)'").Errors);
        Fails("Set-VmiProbe $name -Enable -Disable -Probe ends", "InvalidArgument", ErrorCategory.InvalidArgument);
        Fails("Set-VmiProbe no-such-machine -Enable -Probe ends", "ProbeNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void A_request_runs_who_waits_for_it()
    {
        Get("Start-VmiProbe $name -ScriptText 'OnExternalRequest(7){ ProcessList(PID, NAME, PATH, PGDP) }' | Send-VmiRequest -Id 7");
        Assert.Contains(Get("Receive-VmiStream"), record => (string?)record.Properties["Name"]?.Value == "marker");
        Fails("Send-VmiRequest $name 8", "ProbeNotFound", ErrorCategory.ObjectNotFound);
        Assert.Contains("marker", Session.Show("Send-VmiRequest $name 7; Receive-VmiStream"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_machines_run_for_themselves_and_one_that_ends_tells_why()
    {
        TestGuest other = await TestGuest.StartAsync(new GuestOptions { MemoryMiB = 256 }, TestContext.Current.CancellationToken);
        await using (other)
        {
            ModuleResult result = Session.Run($"$both = Start-VmiProbe $name, no-such-machine, '{other.Name}' -ScriptText '{Exits}'; $both");
            Assert.Equal("MachineNotFound", Assert.Single(result.Errors).FullyQualifiedErrorId.Split(',')[0]);
            Assert.Equal([Guest.Name, other.Name], result.Output.Select(probe => (string)probe.Properties["Machine"].Value));
            await SpawnAsync(3);
            await other.CommandAsync("spawn 3", TestContext.Current.CancellationToken);
            IReadOnlyList<PSObject> records = Get("$both | Receive-VmiStream -Wait -Count 6");
            Assert.Equal([Guest.Name, other.Name], records.Select(record => (string)record.Properties["Machine"].Value).Distinct().Order(StringComparer.Ordinal).OrderBy(name => name != Guest.Name));
        }
        // It ends by itself, because that guest is gone.
        Get("$both[1] | Receive-VmiStream -Wait | Out-Null");
        Assert.Equal("Ended", One<string>("$both[1].State"));
        Assert.NotEmpty(One<string>("$both[1].Error"));
        Assert.Equal(2, Get("Get-VmiProbe").Count);
        Get("Stop-VmiProbe -Id 2");
        Assert.Equal(Guest.Name, One<string>("(Get-VmiProbe).Machine"));
    }

    [Fact]
    public async Task The_module_s_end_frees_the_guest()
    {
        Get($"$p = Start-VmiProbe $name -ScriptText '{Exits}'; Remove-Module VmiPl");
        Assert.Equal("Stopped", One<string>("$p.State"));
        Assert.False(HasStub());
        await SpawnAsync(1);
    }

    [Fact]
    public void The_runspace_s_end_frees_the_guest()
    {
        using (ModuleSession other = new())
            other.Get($"Start-VmiProbe {Guest.Name} -ScriptText '{Exits}'");
        Assert.False(HasStub());
        Assert.Single(Get($"Start-VmiProbe $name -ScriptText '{Exits}'"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[Environment]::Exit(0)")]
    public async Task The_host_s_end_frees_the_guest(string end)
    {
        HostResult result = await HostProcess.RunAsync("-Command", $"Import-Module '{ModuleSession.Manifest}'; (Start-VmiProbe {Guest.Name} -ScriptText '{Exits}').State; {end}");
        Assert.Equal(("Running\n", ""), (result.Output, result.Errors));
        Assert.False(HasStub());
        await SpawnAsync(1);
    }

    [Fact]
    public async Task Ctrl_C_at_any_moment_leaves_a_session_that_can_be_stopped_or_none()
    {
        const int Rounds = 12, LongestMs = 1000;
        var random = new Random(Rounds);
        for (int round = 0; round < Rounds; round++)
        {
            Task<string> busy = Guest.CommandAsync("calls 20", TestContext.Current.CancellationToken);
            using (PowerShell shell = Session.Start("Start-VmiProbe $name -ScriptText 'Syscall{ ReadRegister(EAX, #calls) }' | Receive-VmiStream -Wait"))
            {
                IAsyncResult running = shell.BeginInvoke();
                // The moment is what is tested: from the script's compilation to full work.
                await Task.Delay(random.Next(LongestMs), TestContext.Current.CancellationToken);
                shell.Stop();
                Assert.Throws<PipelineStoppedException>(() => shell.EndInvoke(running));
            }
            Get("Get-VmiProbe | Stop-VmiProbe");
            Assert.Empty(Get("Get-VmiProbe"));
            Assert.False(HasStub());
            await busy;
        }
    }

    [Fact]
    public async Task A_job_hands_out_the_records_and_stops_the_session()
    {
        Get($"$job = Start-VmiProbe $name -ScriptText '{Exits}' -AsJob -Name deaths; $p = $job.Probe");
        Assert.Equal("deaths Running", One<string>("$j = Get-Job -Name deaths; \"$($j.Name) $($j.State)\""));
        await SpawnAsync(5);
        Get("$got = @(); while ($got.Count -lt 5) { $got += @(Receive-Job $job) }");
        Assert.Equal("RegisterRecord", One<string>("$got[0].GetType().Name"));
        Get("Stop-Job $job");
        Assert.Equal("Stopped Stopped", One<string>("\"$($job.State) $($p.State)\""));
        Get("Remove-Job $job");
        Assert.False(HasStub());
        Get($"$job = Start-VmiProbe $name -ScriptText '{Exits}' -AsJob; Remove-Job $job -Force");
        Assert.Empty(Get("Get-VmiProbe"));
        Assert.False(HasStub());
    }

    [Fact]
    public async Task A_session_survives_serialisation_as_a_snapshot()
    {
        Get($"$p = Start-VmiProbe $name -ScriptText '{Exits}'");
        await SpawnAsync(2);
        Get("$r = @(Receive-VmiStream -Wait -Count 2)[1]");
        PSObject copy = Assert.Single(Get("($copy = [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($p)))"));
        Assert.Equal((1, Guest.Name, "Running"), (copy.Properties["Id"].Value, copy.Properties["Machine"].Value, copy.Properties["State"].Value));
        Assert.Equal("exits ExecuteAt", One<string>("\"$($copy.Probes[0].Label) $($copy.Probes[0].Event)\""));
        Assert.Contains("exits", Session.Show("$copy"), StringComparison.Ordinal);
        Assert.Equal("True True", One<string>(
            "$c = [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($r)); \"$($c.Value -eq $r.Value) $($c.Sequence -eq $r.Sequence)\""));
        Assert.Contains("CR3 0x", Session.Show("$c"), StringComparison.Ordinal);
    }

    [Fact]
    public void Sessions_probes_and_streams_complete_and_show()
    {
        Get($"$p = Start-VmiProbe $name -ScriptText '{Exits}'");
        Assert.Equal(["1"], Complete("Stop-VmiProbe -Id "));
        Assert.Equal(["exits"], Complete("Receive-VmiStream -Stream e"));
        Assert.Equal(["exits"], Complete("Set-VmiProbe -Probe "));
        Assert.Matches(@"(?m)^\s+1 probe1\s+vmipl-cmdlets-\d+\s+Running", Session.Show("$p"));
        Assert.Contains("do_exit", Session.Show("$p.Probes"), StringComparison.Ordinal);
        Assert.Contains("Waiting", Session.Show("Get-VmiStream"), StringComparison.Ordinal);
    }

    private IEnumerable<string> Complete(string input) =>
        Get($"(TabExpansion2 '{input}' {input.Length}).CompletionMatches.CompletionText").Select(text => text.ToString());

    private async Task SpawnAsync(int count) => await Guest.CommandAsync($"spawn {count}", TestContext.Current.CancellationToken);

    /// <summary>Whether QEMU has a gdbstub now; asked past the module, which has let the monitor go a second after its last command.</summary>
    private bool HasStub()
    {
        using var monitor = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
        monitor.Connect(new UnixDomainSocketEndPoint(Guest.MonitorPath!));
        using var reader = new StreamReader(new NetworkStream(monitor));
        string Next()
        {
            string? line;
            do
                line = reader.ReadLine();
            while (line?.Contains("\"event\"", StringComparison.Ordinal) == true);
            return Assert.IsType<string>(line);
        }
        Next();
        monitor.Send(Encoding.ASCII.GetBytes("{\"execute\":\"qmp_capabilities\"}\n"));
        Next();
        monitor.Send(Encoding.ASCII.GetBytes("{\"execute\":\"query-chardev\"}\n"));
        string answer = Next();
        Assert.Contains("\"return\"", answer, StringComparison.Ordinal);
        return answer.Contains("\"label\": \"gdb\"", StringComparison.Ordinal);
    }
}
