using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols.Btf;
using VmiPl.TestGuests;
using VmiPl.Tests.Compilation;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Linux;

/// <summary>Every configuration of the matrix, read from outside and compared with what the guest says of itself.</summary>
public sealed class RealGuestTests
{
    public static TheoryData<string> Configurations => [.. GuestMatrix.All.Select(configuration => configuration.Name)];

    [Theory]
    [MemberData(nameof(Configurations))]
    public async Task The_guest_is_seen_as_it_sees_itself(string configuration)
    {
        GuestOptions options = GuestMatrix.Find(configuration).Options;
        await using TestGuest test = await TestGuest.StartAsync(options, TestContext.Current.CancellationToken);
        using VmiMachine machine = MachineConnector.OpenProcess(test.ProcessId, Limits);
        GroundTruth truth = await test.SnapshotAsync(full: true, TestContext.Current.CancellationToken);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);

        Assert.Equal(truth.Release, guest.Profile.Release);
        Assert.Equal(options.Ram == RamBackend.Private ? MemoryAccess.ProcessVm : MemoryAccess.SharedMapping, machine.MemoryAccess);
        ModulesEqual(truth, guest);
        SymbolsEqual(truth, guest);
        if (options.Kernel.Architecture == GuestArchitecture.Amd64)
            TypesEqual(truth, guest);
        else
            Assert.Null(guest.Profile.Types);
        if (options.Monitor != MonitorKind.None)
            PageDirectoriesFit(options, machine, guest);
        await TasksEqual(test, machine, guest);
    }

    private static Errors.VmiLimits Limits => Errors.VmiLimits.Default;

    /// <summary>Field for field, threads included. The kernel starts and ends workers when it likes, so the guest's view is taken
    /// before and after: what is compared was read while the two agreed.</summary>
    private static async Task TasksEqual(TestGuest test, VmiMachine machine, LinuxGuest guest)
    {
        GroundTruth before = await test.SnapshotAsync(cancel: TestContext.Current.CancellationToken);
        for (int attempt = 0; attempt < 10; attempt++)
        {
            (ProcessList processes, ProcessList threads) = ReadPaused(machine, guest, test.Options.Monitor != MonitorKind.None);
            GroundTruth after = await test.SnapshotAsync(cancel: TestContext.Current.CancellationToken);
            if (before.Tasks.Select(Expected).SequenceEqual(after.Tasks.Select(Expected)))
            {
                TasksEqual(before, guest, processes, threads);
                return;
            }
            before = after;
        }
        Assert.Fail("The guest's tasks did not stand still in ten attempts.");
    }

    private static (ProcessList Processes, ProcessList Threads) ReadPaused(VmiMachine machine, LinuxGuest guest, bool pause)
    {
        if (pause)
            machine.GetMonitor().Suspend();
        try
        {
            ProcessList processes = guest.Processes();
            WalkByProgram.Matches(guest);
            return (processes, guest.Processes(new ProcessQuery { IncludeThreads = true }));
        }
        finally
        {
            if (pause)
                machine.GetMonitor().Resume();
        }
    }

    private static void TasksEqual(GroundTruth truth, LinuxGuest guest, ProcessList processes, ProcessList threads)
    {
        Assert.Null(threads.Problem);
        Assert.Equal(truth.Tasks.Select(Expected).Order(), threads.Processes.Select(Actual).Order());
        Assert.Null(processes.Problem);
        Assert.Equal(truth.Processes.Select(Expected).Order(), processes.Processes.Select(Actual).Order());
        Assert.All(threads.Processes, task => Assert.Equal(TaskVisibility.Normal, task.Visibility));
        Assert.All(threads.Processes, task => Assert.Null(task.Problem));
        // Where the kernel's clock was found, it tells the guest's own time.
        if (guest.Profile.Types is not null)
            Assert.NotNull(processes.Processes[0].StartTime);
        if (processes.Processes[0] is { StartTime: { } start } first)
            Assert.InRange(start - first.StartTimeSinceBoot, truth.BootTime - TimeSpan.FromSeconds(2), truth.BootTime + TimeSpan.FromSeconds(2));
    }

    /// <summary>One line per task, so that a failure shows the tasks that differ.</summary>
    private static string Expected(GuestTask task) =>
        $"{task.Pid,6} {task.ThreadGroupId} parent {task.ParentPid} '{task.Comm}' {task.ExePath ?? "-"} uid {task.Uid} ticks {task.StartTicks} "
        + $"threads {task.Threads} ns {task.NamespacePids[^1]} kernel {task.IsKernelThread}";

    private static string Actual(VmiProcess task) =>
        $"{task.ThreadId,6} {task.ProcessId} parent {task.ParentProcessId} '{task.Name}' {task.Path ?? "-"} uid {task.UserId} "
        + $"ticks {task.StartTimeSinceBoot.Ticks / (TimeSpan.TicksPerSecond / 100)} "
        + $"threads {task.ThreadCount} ns {task.NamespaceProcessId} kernel {task.IsKernelThread}";

    private static void ModulesEqual(GroundTruth truth, LinuxGuest guest) =>
        Assert.Equal(
            truth.Modules.Select(module => $"{module.Name} 0x{module.Address:x} {module.Size}"),
            guest.Modules().Select(module => $"{module.Name} 0x{module.BaseAddress:x} {module.Size}"));

    private static void SymbolsEqual(GroundTruth truth, LinuxGuest guest) =>
        Assert.Equal(
            truth.Kallsyms.Select(symbol => $"{symbol.Address:x16} {symbol.Type} {symbol.Name} {symbol.Module}").Order(StringComparer.Ordinal),
            guest.Symbols().Enumerate().Select(symbol => $"{symbol.Address:x16} {symbol.Type} {symbol.Name} {symbol.Module}").Order(StringComparer.Ordinal));

    private static void TypesEqual(GroundTruth truth, LinuxGuest guest)
    {
        var types = Assert.IsType<BtfTypes>(guest.Profile.Types);
        Assert.True(truth.Btf.Span.SequenceEqual(types.Blob.Span), "BTF differs from /sys/kernel/btf/vmlinux");
        // The profile's offsets are those of the guest's own file, decoded anew.
        BtfTypes own = BtfTypes.TryParse(truth.Btf.ToArray(), guest.Profile.PointerSize, Limits)!;
        foreach ((string type, string member) in new[] { ("task_struct", "tasks"), ("task_struct", "comm"), ("mm_struct", "pgd"), ("dentry", "d_name"), ("mount", "mnt") })
        {
            Assert.True(own.TryGetOffset(type, member, out int expected));
            Assert.True(guest.Profile.TryGetOffset(type, member, out int actual));
            Assert.Equal(expected, actual);
        }
    }

    /// <summary>What a vCPU runs on is a process's page directory, up to the flags of CR3 and the isolated half; a spinning
    /// process keeps every vCPU in user mode.</summary>
    private static void PageDirectoriesFit(GuestOptions options, VmiMachine machine, LinuxGuest guest)
    {
        IReadOnlyList<VcpuRegisters> vcpus = RegisterReader.Read(machine);
        Assert.Equal(options.Vcpus, vcpus.Count);
        if (!options.Spinning)
            return;
        // Even a process that spins is interrupted by the clock: look until a vCPU is met in user mode.
        for (int look = 0; look < 1000 && !vcpus.Any(vcpu => vcpu.Cpl == 3); look++)
            vcpus = RegisterReader.Read(machine);
        Assert.Contains(vcpus, vcpu => vcpu.Cpl == 3);
        HashSet<ulong> directories = [.. guest.Processes().Processes.Select(task => task.PageDirectory ?? 0)];
        foreach (VcpuRegisters vcpu in vcpus.Where(vcpu => vcpu.Cpl == 3))
        {
            ulong root = vcpu.Cr3 & PageTableWalker.RootMask(guest.Profile.Location.Mode);
            Assert.Contains(options.PageTableIsolation ? root & ~0x1000UL : root, directories);
        }
    }
}
