using System.Diagnostics;
using System.Net.Sockets;
using VmiPl.Interop;
using VmiPl.Machines.Processes;
using VmiPl.Probes.Shim;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Native;

/// <summary>vmi-inject on a program that checks all its registers, and every result, behind each system call that it waits in.</summary>
public sealed class InjectorTests(InjectorWorkshop workshop) : IClassFixture<InjectorWorkshop>
{
    private string PollLoop => workshop.Compile("pollloop", "pollloop.c", "-pthread");

    [Theory]
    [InlineData("poll")]
    [InlineData("ppoll")]
    [InlineData("masked")]
    [InlineData("epoll_wait")]
    [InlineData("select")]
    [InlineData("clock_nanosleep")]
    [InlineData("pause")]
    public void A_library_comes_and_goes_without_a_trace(string call)
    {
        using var target = new InjectorTarget(PollLoop, call);
        string[] files = ProcessTrace.Files(target.Id), mappings = ProcessTrace.Mappings(target.Id);
        byte[] code = ProcessTrace.Code(target.Id);
        for (int times = 0; times < 3; times++)
        {
            AssertDone(workshop.Load(target.Id));
            Assert.True(ProcessTrace.IsLoaded(target.Id));
            Assert.Equal(files, ProcessTrace.Files(target.Id));
            target.AssertUnharmed();
            AssertDone(workshop.Unload(target.Id));
            Assert.Equal(mappings, ProcessTrace.Mappings(target.Id));
            Assert.Equal(files, ProcessTrace.Files(target.Id));
            Assert.Equal(code, ProcessTrace.Code(target.Id));
            target.AssertUnharmed();
        }
    }

    // Whose end the injector sees as that of a call, where it comes at the moment that matters: as often as this machine can bear, beyond which the injector
    // gets nowhere and says so.
    [Fact]
    public void A_signal_that_is_handled_on_the_way_is_not_the_end_of_a_call()
    {
        int microseconds = 300;
        while (!IsDoneWithSignalsEvery(microseconds))
        {
            microseconds *= 2;
            Assert.True(microseconds < 10_000, "A signal in ten milliseconds is no reason.");
        }
    }

    private bool IsDoneWithSignalsEvery(int microseconds)
    {
        using var target = new InjectorTarget(PollLoop, "pause", $"{microseconds}");
        string[] files = ProcessTrace.Files(target.Id);
        var clock = Stopwatch.StartNew();
        for (int times = 0; times < 100; times++)
        {
            (int code, string text) = times % 2 == 0 ? workshop.Load(target.Id) : workshop.Unload(target.Id);
            if (code == InjectorWorkshop.NotSafe || clock.Elapsed > TimeSpan.FromSeconds(20))
                return false;
            AssertDone((code, text));
        }
        Assert.Equal(files, ProcessTrace.Files(target.Id));
        target.AssertUnharmed();
        return true;
    }

    /// <summary>Its registers are all 0, and so is its stack's address, where nothing can be read: KVM makes one in QEMU from Linux 6.13 on, vhost from 6.4,
    /// io_uring from 5.12.</summary>
    [Fact]
    public void A_thread_of_the_kernels_in_the_process_is_in_nobodys_way()
    {
        string worker = workshop.Compile("worker", "worker.c", "-pthread");
        (int code, string text) = InjectorWorkshop.Run(["sh", "-c", $"{worker} < /dev/null"]);
        Assert.SkipWhen(code != 0, $"This kernel lets nobody have such a thread: {text}");
        Assert.SkipWhen(Environment.OSVersion.Version < new Version(5, 12), "This kernel's io_uring works in threads that are no process's.");
        using var target = new InjectorTarget(worker);
        Assert.True(SpinWait.SpinUntil(() => ProcFs.Threads(target.Id).Count == 2, TimeSpan.FromMinutes(1)));
        for (int times = 0; times < 3; times++)
        {
            AssertDone(workshop.Load(target.Id));
            AssertDone(workshop.Unload(target.Id));
            target.AssertUnharmed();
        }
    }

    /// <summary>musl unmaps no library: the shim is at rest there, and the next session has it listen again.</summary>
    [Fact]
    public void A_shim_that_musl_keeps_is_at_rest_and_listens_again()
    {
        Assert.SkipWhen(MuslCompiler.Missing() is not null, "Nothing is compiled for musl here without " + MuslCompiler.Missing());
        string compiler = MuslCompiler.Find(), shim = workshop.CompileShim("shim-musl", compiler);
        using var target = new InjectorTarget(workshop.Compile("pollloop-musl", "pollloop.c", "-pthread", compiler), "ppoll");
        string[] files = ProcessTrace.Files(target.Id);
        Assert.Equal(InjectorWorkshop.NotLoaded, workshop.Unload(target.Id).Code);
        for (int times = 0; times < 3; times++)
        {
            AssertDone(workshop.Load(target.Id, shim));
            Assert.Equal(InjectorWorkshop.AlreadyLoaded, workshop.Load(target.Id, shim).Code);
            using (Socket? client = ShimSocket.TryConnect(target.Id, TimeSpan.FromMinutes(1)))
                Assert.NotNull(client);
            target.AssertUnharmed();
            AssertDone(workshop.Unload(target.Id));
            Assert.Null(ShimSocket.TryConnect(target.Id, TimeSpan.FromMinutes(1)));
            Assert.Equal(files, ProcessTrace.Files(target.Id));
            Assert.Equal(2, ProcFs.Threads(target.Id).Count);
            Assert.Single(ProcessTrace.Mappings(target.Id), line => line.Contains(" r-xp ", StringComparison.Ordinal) && line.EndsWith(InjectorWorkshop.Mark, StringComparison.Ordinal));
            target.AssertUnharmed();
        }
    }

    [Fact]
    public void A_second_load_is_refused_and_the_first_one_stays()
    {
        using var target = new InjectorTarget(PollLoop, "poll");
        AssertDone(workshop.Load(target.Id));
        Assert.Equal(InjectorWorkshop.AlreadyLoaded, workshop.Load(target.Id).Code);
        AssertDone(workshop.Unload(target.Id));
        Assert.Equal(InjectorWorkshop.NotLoaded, workshop.Unload(target.Id).Code);
        target.AssertUnharmed();
    }

    [Fact, Trait(LabSet.Trait, LabSet.Shim)]
    public void An_ordinary_user_loads_into_a_process_of_his_own_and_is_told_where_the_policy_forbids_it()
    {
        Assert.SkipWhen(NativeFolder.UserId != 0, "The other tests of this user show it.");
        using var target = new InjectorTarget([.. InjectorWorkshop.AsNobody, PollLoop, "poll"]);
        string[] load = [.. InjectorWorkshop.AsNobody, workshop.Program, "load", $"{target.Id}", workshop.Library];
        // The lab's policy is ours to change.
        foreach (int scope in KvmLab.IsInside ? [2, 1] : Array.Empty<int>())
        {
            File.WriteAllText(Yama, $"{scope}");
            (int code, string text) = InjectorWorkshop.Run(load);
            Assert.Equal(InjectorWorkshop.NotPermitted, code);
            Assert.Contains($"kernel.yama.ptrace_scope is {scope}: process {target.Id} can be traced only with CAP_SYS_PTRACE (as root)", text, StringComparison.Ordinal);
            target.AssertUnharmed();
            File.WriteAllText(Yama, "0");
        }
        Assert.SkipWhen(File.Exists(Yama) && File.ReadAllText(Yama)[0] != '0', $"{Yama} forbids it here.");
        AssertDone(InjectorWorkshop.Run(load));
        AssertDone(InjectorWorkshop.Run([.. InjectorWorkshop.AsNobody, workshop.Program, "unload", $"{target.Id}"]));
        target.AssertUnharmed();
    }

    // The library's file, and the program's, are hidden there, and the process has another id.
    [Fact]
    public void A_process_in_other_namespaces_takes_a_library_that_it_can_not_see()
    {
        Assert.SkipWhen(NativeFolder.UserId != 0, "Making namespaces takes root.");
        using var target = new InjectorTarget("unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c",
            $"exec 9< {PollLoop} && mount -t tmpfs none {Path.GetDirectoryName(PollLoop)} && exec /proc/self/fd/9 poll");
        target.Id = int.Parse(File.ReadAllText($"/proc/{target.Id}/task/{target.Id}/children").Trim(), System.Globalization.CultureInfo.InvariantCulture);
        AssertDone(workshop.Load(target.Id));
        target.AssertUnharmed();
        AssertDone(workshop.Unload(target.Id));
        target.AssertUnharmed();
    }

    [Fact]
    public void A_library_that_can_not_be_bound_is_refused_in_the_words_of_dlerror()
    {
        using var target = new InjectorTarget(PollLoop, "ppoll");
        string[] files = ProcessTrace.Files(target.Id), mappings = ProcessTrace.Mappings(target.Id);
        var (code, text) = workshop.Load(target.Id, workshop.TroubleWith("UNBOUND"));
        Assert.Equal(InjectorWorkshop.DlopenFailed, code);
        Assert.Contains("undefined symbol: vmi_nobody_has_this", text, StringComparison.Ordinal);
        Assert.Equal(files, ProcessTrace.Files(target.Id));
        Assert.Equal(mappings, ProcessTrace.Mappings(target.Id));
        target.AssertUnharmed();
        AssertDone(workshop.Load(target.Id));
    }

    [Theory]
    [InlineData("RESTLESS", "vmi_shim_quiesce says 7")]
    [InlineData("LINGERING", "in the library's code")]
    public void A_library_in_use_stays(string trouble, string reason)
    {
        using var target = new InjectorTarget(PollLoop, "poll");
        string[] files = ProcessTrace.Files(target.Id);
        AssertDone(workshop.Load(target.Id, workshop.TroubleWith(trouble)));
        var (code, text) = workshop.Unload(target.Id);
        Assert.Equal(InjectorWorkshop.InUse, code);
        Assert.Contains(reason, text, StringComparison.Ordinal);
        Assert.True(ProcessTrace.IsLoaded(target.Id));
        Assert.Equal(files, ProcessTrace.Files(target.Id));
        target.AssertUnharmed();
    }

    // Not epoll_wait, which tells of every interruption: nobody is left to hide that one.
    [Theory]
    [InlineData("poll")]
    [InlineData("masked")]
    public void The_injector_may_be_killed_at_any_moment(string call)
    {
        using var target = new InjectorTarget(PollLoop, call);
        string[] files = ProcessTrace.Files(target.Id), mappings = ProcessTrace.Mappings(target.Id);
        byte[] code = ProcessTrace.Code(target.Id);
        for (int kills = 1; kills <= 200; kills++)
        {
            workshop.Kill(kills % 2 == 0 ? ["unload", $"{target.Id}"] : ["load", $"{target.Id}", workshop.Library]);
            target.AssertUnharmed();
            if (kills % 10 != 0)
                continue;
            Assert.Contains(workshop.Load(target.Id).Code, new[] { InjectorWorkshop.Done, InjectorWorkshop.AlreadyLoaded });
            AssertDone(workshop.Unload(target.Id));
            Assert.Equal(mappings, ProcessTrace.Mappings(target.Id));
            Assert.Equal(files, ProcessTrace.Files(target.Id));
            Assert.Equal(code, ProcessTrace.Code(target.Id));
        }
    }

    private const string Yama = "/proc/sys/kernel/yama/ptrace_scope";

    private static void AssertDone((int Code, string Text) result) => Assert.True(result.Code == InjectorWorkshop.Done, result.Text);
}
