using VmiPl.TestGuests;

namespace VmiPl.Tests.Guests;

public sealed class TestGuestTests
{
    private static readonly GuestOptions _amd64 = GuestMatrix.Few[0].Options;
    private static readonly GuestOptions _i386 = GuestMatrix.I386[0].Options;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Both => [GuestMatrix.Few[0].Name, GuestMatrix.I386[0].Name];

    [Theory, MemberData(nameof(Both))]
    public async Task The_planned_processes_run(string configuration)
    {
        using var loan = await GuestFacts.BorrowAsync(GuestMatrix.Find(configuration).Options);
        var truth = await loan.Guest.SnapshotAsync(cancel: Cancel);

        Assert.Equal("/init", truth.Tasks.Single(t => t.Pid == 1).ExePath);
        Assert.All(truth.Tasks.Where(t => t.IsKernelThread), t => Assert.Null(t.ExePath));
        Assert.Contains(truth.Tasks, t => t is { Pid: 2, Comm: "kthreadd", IsKernelThread: true, ParentPid: 0 });
        foreach (var name in (string[])["sshd", "nginx", "postgres", "cron", "bash", "redis-server", "systemd-journal"])
            Assert.Contains(truth.Processes, t => t.Comm == name && !t.IsKernelThread);
        var shell = truth.Processes.Single(t => t.Comm == "bash");
        var session = truth.Processes.Single(t => t.Pid == shell.ParentPid);
        Assert.Equal(("sshd-session", 1000u), (session.Comm, shell.Uid));
        Assert.Equal("sshd", truth.Processes.Single(t => t.Pid == session.ParentPid).Comm);
        Assert.Equal(truth.Tasks.Count, truth.Tasks.DistinctBy(t => t.Pid).Count());
    }

    [Theory, MemberData(nameof(Both))]
    public async Task Paths_are_as_odd_as_planned(string configuration)
    {
        using var loan = await GuestFacts.BorrowAsync(GuestMatrix.Find(configuration).Options);
        var truth = await loan.Guest.SnapshotAsync(cancel: Cancel);
        var paths = truth.Processes.Select(t => t.ExePath).OfType<string>().ToHashSet();

        Assert.Superset(new HashSet<string>
        {
            "/opt/My Programs/grüße 日本 🐧", "/mnt/data/bin/on-tmpfs", "/mnt/data/nested/inner/on-nested-mount",
            "/srv/bound/on-tmpfs", "/srv/bound-root/cron", "/srv/jail/bin/jailed", "/usr/local/bin/gone (deleted)",
            "/tmp/gone (deleted) (deleted)", "/usr/local/bin/kept (deleted)", "/memfd:no name on disk (deleted)",
            "/usr/bin/pod", "/usr/bin/pod-in-pod", "/run/pivot/sbin/pivoted",
        }, paths);
        Assert.Contains(paths, path => path.Count(c => c == '/') == 30);
    }

    [Theory, MemberData(nameof(Both))]
    public async Task Threads_namespaces_and_zombies_are_as_planned(string configuration)
    {
        using var loan = await GuestFacts.BorrowAsync(GuestMatrix.Find(configuration).Options);
        var truth = await loan.Guest.SnapshotAsync(cancel: Cancel);

        var redis = truth.Processes.Single(t => t.Comm == "redis-server");
        Assert.Equal((5, 5), (redis.Threads, truth.Tasks.Count(t => t.ThreadGroupId == redis.Pid)));
        Assert.Equal(1, truth.Processes.Single(t => t.Comm == "pod").NamespacePids[1]);
        Assert.Equal([2, 1], truth.Processes.Single(t => t.Comm == "pod-in-pod").NamespacePids.Skip(1));
        Assert.Contains(truth.Processes, t => t is { Comm: "zombie-maker", State: 'Z', ExePath: null });
        Assert.Contains(truth.Processes, t => t is { Comm: "leader-gone", State: 'Z', Threads: 4 });
        var odd = truth.Processes.Single(t => t.ExePath == "/usr/bin/odd-name");
        Assert.Equal([0xFF, 0xFE, .. ") ("u8, 0x80, 0x01, .. "\t\\\n 7"u8, 0xC3], odd.CommBytes);
    }

    [Fact]
    public async Task A_full_snapshot_has_symbols_types_and_modules()
    {
        using var loan = await GuestFacts.BorrowAsync(_amd64);
        var truth = await loan.Guest.SnapshotAsync(full: true, Cancel);

        Assert.InRange(truth.Kallsyms.Count, 50_000, int.MaxValue);
        Assert.NotEqual(0u, truth.Kallsyms.Single(s => s is { Name: "_stext", Module: null }).Address);
        Assert.Contains(truth.Kallsyms, s => s.Module == "virtio_blk");
        Assert.Equal([0x9F, 0xEB, 0x01], truth.Btf[..3].ToArray());
        Assert.Contains(truth.Modules, m => m is { Name: "virtio_blk", Size: > 0, Address: > 0 });
        Assert.Contains(truth.Release, loan.Guest.Snapshot().Version, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_32_bit_guest_has_symbols_but_no_types()
    {
        using var loan = await GuestFacts.BorrowAsync(_i386);
        var truth = await loan.Guest.SnapshotAsync(full: true, Cancel);

        Assert.InRange(truth.Kallsyms.Count, 20_000, int.MaxValue);
        Assert.InRange(truth.Kallsyms.Single(s => s is { Name: "_stext", Module: null }).Address, 0xC0000000u, uint.MaxValue);
        Assert.Equal(0, truth.Btf.Length);
    }

    [Fact]
    public async Task The_options_are_what_the_guest_sees()
    {
        var options = GuestMatrix.For(GuestKernel.Amd64_6_1)[7].Options;
        GuestFacts.Need(options.Kernel);
        await using var guest = await TestGuest.StartAsync(options, Cancel);
        var truth = await guest.SnapshotAsync(full: true, Cancel);

        var flags = truth.Text("/proc/cpuinfo").Split('\n').First(l => l.StartsWith("flags", StringComparison.Ordinal)).Split(' ');
        Assert.Superset(new HashSet<string> { "pti", "la57" }, flags.ToHashSet());
        Assert.Equal(0xFFFF_FFFF_8100_0000u, truth.Kallsyms.Single(s => s is { Name: "_text", Module: null }).Address);
        Assert.Contains(truth.Processes, t => t is { Comm: "spinner", State: 'R' });
    }

    [Fact]
    public async Task Processes_start_and_stop_on_command()
    {
        using var loan = await GuestFacts.BorrowAsync(_amd64);
        var guest = loan.Guest;
        var id = await guest.CommandAsync("start /usr/bin/newcomer", Cancel);
        Assert.Contains((await guest.SnapshotAsync(cancel: Cancel)).Processes, t => $"{t.Pid}" == id && t.ExePath == "/usr/bin/newcomer");

        await guest.CommandAsync($"stop {id}", Cancel);
        Assert.DoesNotContain((await guest.SnapshotAsync(cancel: Cancel)).Tasks, t => $"{t.Pid}" == id);
    }

    [Fact]
    public async Task The_marker_stands_at_its_address()
    {
        using var loan = await GuestFacts.BorrowAsync(_amd64);
        var truth = await loan.Guest.SnapshotAsync(cancel: Cancel);
        var marker = truth.Processes.Single(t => t.Comm == "marker");
        var length = TestGuest.MarkerText.Length;

        var bytes = Convert.FromHexString(await loan.Guest.CommandAsync($"peek {marker.Pid} 0x{TestGuest.MarkerAddress:x} {length}", Cancel));

        Assert.Equal(TestGuest.MarkerText, System.Text.Encoding.ASCII.GetString(bytes));
    }

    [Fact]
    public async Task An_unknown_command_is_refused_and_the_next_one_works()
    {
        using var loan = await GuestFacts.BorrowAsync(_amd64);
        await Assert.ThrowsAsync<GuestException>(() => loan.Guest.CommandAsync("dance", Cancel));
        Assert.Equal("", await loan.Guest.CommandAsync("ping", Cancel));
    }
}
