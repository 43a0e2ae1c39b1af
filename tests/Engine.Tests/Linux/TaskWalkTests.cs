using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Linux;

public sealed class TaskWalkTests
{
    [Fact]
    public void A_process_has_every_member()
    {
        var linux = new SyntheticLinux();
        ulong init = linux.AddProcess(1, "init", file: linux.NewFile(linux.NewDentry("init", 0)));
        linux.AddProcess(2, "kthreadd", user: false);
        ulong bin = linux.NewDentry("bin", 0);
        ulong shell = linux.AddProcess(7, "sh", parent: init, uid: 1000, file: linux.NewFile(linux.NewDentry("sh", bin)));

        ProcessList list = linux.Open().Processes();

        Assert.Null(list.Problem);
        Assert.Equal(["init", "kthreadd", "sh"], list.Processes.Select(p => p.Name));
        VmiProcess process = list.Processes[2];
        Assert.Equal(7, process.ProcessId);
        Assert.Equal(7, process.ThreadId);
        Assert.Equal(1, process.ParentProcessId);
        Assert.Equal("/bin/sh", process.Path);
        Assert.Equal(1000u, process.UserId);
        Assert.Equal((ulong)SyntheticLinux.Pml4, process.PageDirectory);
        Assert.Equal(TimeSpan.FromSeconds(7), process.StartTimeSinceBoot);
        Assert.Null(process.StartTime);
        Assert.Equal(1, process.ThreadCount);
        Assert.False(process.IsKernelThread);
        Assert.Equal(shell, process.TaskAddress);
        Assert.Equal(TaskVisibility.Normal, process.Visibility);
        Assert.Null(process.Problem);
        Assert.True(list.Processes[1].IsKernelThread);
        Assert.Null(list.Processes[1].PageDirectory);
        Assert.Null(list.Processes[1].Path);
    }

    [Fact]
    public void A_task_missing_from_the_list_is_marked()
    {
        var linux = new SyntheticLinux();
        linux.AddProcess(1, "init");
        linux.AddProcess(5, "rootkit", inList: false);
        VmiProcess hidden = Assert.Single(linux.Open().Processes().Processes, p => p.Name == "rootkit");
        Assert.Equal(TaskVisibility.PidTableOnly, hidden.Visibility);
    }

    [Fact]
    public void A_task_missing_from_the_pid_table_is_marked()
    {
        var linux = new SyntheticLinux();
        linux.AddProcess(1, "init");
        linux.AddProcess(5, "rootkit", inPidTable: false);
        ProcessList list = linux.Open().Processes();
        Assert.Equal(TaskVisibility.ListOnly, list.Processes[1].Visibility);
        Assert.Equal(TaskVisibility.Normal, list.Processes[0].Visibility);
    }

    [Fact]
    public void A_mark_that_one_walk_does_not_confirm_is_taken_back()
    {
        var linux = new SyntheticLinux();
        linux.AddProcess(1, "init");
        linux.AddProcess(5, "young", inPidTable: false);
        LinuxGuest guest = linux.Open();
        ProcessList first = guest.Processes();
        Assert.Equal(TaskVisibility.ListOnly, first.Processes[1].Visibility);
        linux.AddPid(5, first.Processes[1].TaskAddress);
        ProcessList confirmed = HiddenTasks.Confirm(first, () => guest.Processes());
        Assert.Equal(TaskVisibility.Normal, confirmed.Processes[1].Visibility);
    }

    [Fact]
    public void Without_a_pid_table_nothing_is_said_of_visibility()
    {
        var linux = new SyntheticLinux();
        linux.AddProcess(1, "init");
        Assert.Equal(TaskVisibility.NotChecked, linux.Open().Processes(new ProcessQuery { CheckPidTable = false }).Processes[0].Visibility);
    }

    [Fact]
    public void A_task_in_a_namespace_has_both_ids()
    {
        var linux = new SyntheticLinux();
        ulong task = linux.AddProcess(9, "contained", inPidTable: false);
        linux.AddPid(9, task, level: 2, ownId: 1);
        VmiProcess process = Assert.Single(linux.Open().Processes().Processes);
        Assert.Equal(9, process.ProcessId);
        Assert.Equal(1, process.NamespaceProcessId);
    }

    [Fact]
    public void Threads_are_listed_on_request_only()
    {
        var linux = new SyntheticLinux();
        ulong leader = linux.AddProcess(3, "server");
        ulong thread = linux.AddProcess(4, "worker", inList: false);
        linux.Put32(thread + SyntheticLinux.Tgid, 3);
        ulong signal = linux.Get(leader + SyntheticLinux.Signal);
        linux.Put(thread + SyntheticLinux.Signal, signal);
        linux.Link(thread + SyntheticLinux.ThreadNode, signal + 0x10);
        linux.Put32(signal + 8, 2);

        LinuxGuest guest = linux.Open();
        VmiProcess only = Assert.Single(guest.Processes().Processes);
        Assert.Equal(2, only.ThreadCount);
        ProcessList all = guest.Processes(new ProcessQuery { IncludeThreads = true });
        Assert.Equal([(3, 3), (3, 4)], all.Processes.Select(p => (p.ProcessId, p.ThreadId)));
        Assert.All(all.Processes, p => Assert.Equal(TaskVisibility.Normal, p.Visibility));
    }

    [Fact]
    public void A_missing_member_is_named()
    {
        var linux = new SyntheticLinux();
        LinuxGuest guest = linux.Open(without: "task_struct.mm");
        VmiException error = Assert.Throws<VmiException>(() => guest.Processes());
        Assert.Equal(VmiErrorCode.ProfileIncomplete, error.Code);
        Assert.Contains("task_struct.mm", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Copies_of_pages_are_dropped_between_lists()
    {
        var linux = new SyntheticLinux();
        ulong task = linux.AddProcess(1, "before");
        LinuxGuest guest = linux.Open(memory: new CountingMemory(new ArrayMemory(linux.Memory)));
        Assert.Equal("before", guest.Processes().Processes[0].Name);
        linux.PutText(task + SyntheticLinux.Comm, "after\0");
        Assert.Equal("after", guest.Processes().Processes[0].Name);
    }
}
