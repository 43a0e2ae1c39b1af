using System.Management.Automation;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Records on their way down the pipeline: none lost, none twice, whatever ends it.</summary>
public sealed class StreamTests(GuestFixture fixture) : GuestTests(fixture)
{
    private const string Exits = "exits: ExecuteAt(do_exit){ ReadRegister(CR3, #exits) }";

    // Two probes at one place, one of them with two streams.
    private const string Both = "a: ExecuteAt(do_exit){ ReadRegister(RIP, #one) ReadRegister(CR3, #two) }  b: ExecuteAt(do_exit){ ReadRegister(RSP, #two) }";

    [Fact]
    public async Task What_waits_is_given_at_once_and_once()
    {
        Get($"$p = Start-VmiProbe $name -ScriptText '{Exits}'");
        Assert.Empty(Get("Receive-VmiStream -Stream exits"));
        await SpawnAsync(10);
        Get("$first = @(Receive-VmiStream -Wait -Count 10 -Stream '#EXITS')");
        Assert.Equal("0 1 2 3 4 5 6 7 8 9", One<string>("\"$($first.Sequence)\""));
        Assert.Empty(Get("Receive-VmiStream no-such-machine*"));
        Fails("Receive-VmiStream no-such-machine", "ProbeNotFound", ErrorCategory.ObjectNotFound);
        Fails("Receive-VmiStream -Stream nothing", "StreamNotFound", ErrorCategory.ObjectNotFound);
        Fails("Receive-VmiStream -Probe nothing", "ProbeNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public async Task Whatever_ends_the_pipeline_loses_no_record_that_was_not_handed_out()
    {
        var got = (List<object>)Assert.Single(Get("$got = [System.Collections.Generic.List[object]]::new(); , $got")).BaseObject;
        Get($"$p = Start-VmiProbe $name -ScriptText '{Exits}'");
        await SpawnAsync(12);
        Get("while ($true) { Receive-VmiStream -Wait -Stream exits | ForEach-Object { $got.Add($_); if ($got.Count -eq 3) { break } } }");
        Get("try { Receive-VmiStream -Wait -Stream exits | ForEach-Object { $got.Add($_); if ($got.Count -eq 6) { throw 'enough' } } } catch { }");
        using (PowerShell shell = Session.Start("Receive-VmiStream -Wait -Stream exits | ForEach-Object { $got.Add($_) }"))
        {
            IAsyncResult running = shell.BeginInvoke();
            // The session's runspace is busy; the list itself is asked.
            Assert.True(SpinWait.SpinUntil(() => got.Count >= 12, TimeSpan.FromSeconds(60)));
            shell.Stop();
            Assert.Throws<PipelineStoppedException>(() => shell.EndInvoke(running));
        }
        Assert.Equal("Running", One<string>("$p.State"));
        await SpawnAsync(4);
        Get("Receive-VmiStream -Wait -Stream exits -Count 4 | ForEach-Object { $got.Add($_) }");
        Assert.Equal(string.Join(' ', Enumerable.Range(0, 16)), One<string>("\"$(($got.Sequence)[0..15])\""));
    }

    [Fact]
    public async Task A_filter_leaves_other_probes_records_for_later_in_their_order()
    {
        Get($"$p = Start-VmiProbe $name -ScriptText '{Both}'");
        await SpawnAsync(4);
        Assert.Equal("0 1 2 3", One<string>("\"$((Receive-VmiStream -Wait -Probe b -Count 4).Sequence)\""));
        Assert.Equal(4, One<long>("(Get-VmiStream | Where-Object Name -eq one).Waiting"));
        Assert.Equal(4, One<long>("(Get-VmiStream | Where-Object Name -eq two).Waiting"));
        // Both streams of probe a, as one.
        Assert.Equal("0 1 2 3 4 5 6 7", One<string>("\"$((Receive-VmiStream -Stream one, two -Wait -Count 8).Sequence)\""));
        Assert.Empty(Get("Get-VmiStream | Where-Object { $_.Written -ne $_.Read + $_.Waiting + $_.Lost }"));
    }

    [Fact]
    public async Task A_filter_that_would_have_to_keep_too_much_says_so()
    {
        Get($"$p = Start-VmiProbe $name -ScriptText '{Both}' -Capacity 5");
        await SpawnAsync(20);
        Fails("Receive-VmiStream -Stream one -Probe b -Wait", "LimitExceeded", ErrorCategory.LimitsExceeded);
        IReadOnlyList<PSObject> rest = Get("Receive-VmiStream -Stream one");
        Assert.Contains(rest, record => record.Properties["Lost"] is not null);
        Assert.True(rest.Count >= 6);
    }

    [Fact]
    public async Task Waiting_ends_after_silence_and_with_the_session()
    {
        Get($"$p = Start-VmiProbe $name -ScriptText '{Exits}'");
        await SpawnAsync(2);
        Assert.True(Get("$p | Receive-VmiStream -Stream exits -Timeout 0.5").Count >= 2);
        using PowerShell shell = Session.Start("$p | Stop-VmiProbe; $p | Receive-VmiStream -Wait; 'over'");
        Assert.Equal("over", shell.Invoke()[^1].ToString());
        Assert.Equal("", string.Join(' ', Get("Get-VmiStream")));
    }

    [Fact]
    public void Records_read_well_in_one_table()
    {
        Get("$p = Start-VmiProbe $name -ScriptText 'list: OnExternalRequest(1){ ReadRegister(CR3) ReadMemory(linux_banner, 24) ReadString(linux_banner, 13) ReadMemory(0x10, 8) ProcessList(PID, NAME, PATH, PGDP) }'");
        Get("$p | Send-VmiRequest -Id 1");
        string shown = Session.Show("$p | Receive-VmiStream");
        Assert.Contains("list: OnExternalRequest", shown, StringComparison.Ordinal);
        Assert.Matches(@"ReadRegister\s+CR3 0x[0-9a-f]+", shown);
        Assert.Matches(@"ReadMemory\s+0x[0-9a-f]+ 4c696e75782076657273696f6e20[0-9a-f]{4}… Linux version", shown);
        Assert.Matches(@"ReadString\s+Linux version…", shown);
        Assert.Contains("cannot be read", shown, StringComparison.Ordinal);
        Assert.Matches(@"ProcessList\s+\d+  marker  /\S+  0x[0-9a-f]+", shown);
        // One table: what the guest calls its processes has no power over the terminal.
        Assert.Single(shown.Split('\n'), line => line.TrimStart().StartsWith("Time ", StringComparison.Ordinal));
        Assert.DoesNotContain(shown, c => char.IsControl(c) && c is not ('\n' or '\r'));
    }

    private async Task SpawnAsync(int count) => await Guest.CommandAsync($"spawn {count}", TestContext.Current.CancellationToken);
}
