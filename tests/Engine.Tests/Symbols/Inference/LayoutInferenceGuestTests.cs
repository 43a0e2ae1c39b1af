using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.Symbols.Inference;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Symbols.Inference;

/// <summary>Inference on real guests: against the kernel's own types where it has them, else against what the guest says of its
/// processes.</summary>
public sealed class LayoutInferenceGuestTests
{
    /// <summary>What a list of processes with every field needs.</summary>
    private static readonly string[] _required =
    [
        "task_struct.tasks", "task_struct.pid", "task_struct.tgid", "task_struct.real_parent", "task_struct.group_leader", "task_struct.comm",
        "task_struct.mm", "task_struct.flags", "task_struct.real_cred", "task_struct.cred", "task_struct.signal", "task_struct.thread_pid",
        "task_struct.thread_node", "task_struct.start_time", "task_struct.start_boottime", "task_struct.pid_links",
        "mm_struct.pgd", "mm_struct.exe_file", "file.f_path", "path.mnt", "path.dentry", "vfsmount.mnt_root",
        "mount.mnt", "mount.mnt_parent", "mount.mnt_mountpoint", "dentry.d_parent", "dentry.d_name", "dentry.d_hash", "qstr.name",
        "cred.uid", "signal_struct.nr_threads", "signal_struct.thread_head", "pid.level", "pid.numbers", "pid.tasks", "upid.nr", "upid.ns",
        "sizeof upid", "pid_namespace.idr.idr_rt.xa_head", "xa_node.shift", "xa_node.slots", "module.list", "module.name", "module.kallsyms",
        "mod_kallsyms.symtab", "mod_kallsyms.num_symtab", "mod_kallsyms.strtab", "mod_kallsyms.typetab",
        "timekeeper.offs_real", "timekeeper.offs_boot",
    ];

    public static TheoryData<string> Kernels64 => [GuestKernel.Amd64_6_1.Name, GuestKernel.Amd64_6_12.Name];

    public static TheoryData<string> Kernels32 => [GuestKernel.I386.Name, GuestKernel.I386Pae.Name];

    [Theory]
    [MemberData(nameof(Kernels64))]
    public async Task What_is_inferred_is_what_the_kernels_types_and_symbols_say(string kernel)
    {
        using GuestLoan loan = await GuestFacts.BorrowAsync(OptionsFor(kernel));
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, VmiLimits.Default);
        KernelProfile profile = ProfileBuilder.Build(machine, RegisterReader.Read(machine));
        Assert.NotNull(profile.Types);

        InferredLayout layout = LayoutInference.Infer(profile.Location.OpenSpace(machine.GetMemory()), profile.Location, EmptySymbolTable.Instance, VmiLimits.Default);

        AssertHasAll(layout);
        Assert.All(layout.Offsets, found => Assert.Equal(Truth(profile.Types, found.Key) ?? found.Value, found.Value));
        Assert.All((string[])["init_task", "init_pid_ns", "modules", "linux_banner", "tk_core"], name => Assert.Contains(name, layout.Symbols.Keys));
        Assert.All(layout.Symbols, found =>
        {
            Assert.True(profile.Symbols.TryFind(found.Key, out GuestVirtualAddress truth));
            Assert.Equal(truth.Value, found.Value);
        });
    }

    [Theory]
    [MemberData(nameof(Kernels32))]
    public async Task A_kernel_without_types_gives_its_processes_as_the_guest_knows_them(string kernel)
    {
        using GuestLoan loan = await GuestFacts.BorrowAsync(OptionsFor(kernel));
        GroundTruth before = await loan.Guest.SnapshotAsync(full: true, TestContext.Current.CancellationToken);
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, VmiLimits.Default);
        KernelProfile profile = ProfileBuilder.Build(machine, RegisterReader.Read(machine));
        Assert.Null(profile.Types);

        InferredLayout layout = LayoutInference.Infer(profile.Location.OpenSpace(machine.GetMemory()), profile.Location, profile.Symbols, VmiLimits.Default);
        AssertHasAll(layout);
        ProcessList list = new LinuxGuest(machine, profile).Processes();
        GroundTruth after = await loan.Guest.SnapshotAsync(full: false, TestContext.Current.CancellationToken);

        Assert.Null(list.Problem);
        Dictionary<int, VmiProcess> listed = list.Processes.ToDictionary(process => process.ProcessId);
        HashSet<int> stayed = [.. after.Processes.Select(task => task.Pid)];
        int compared = 0;
        foreach (GuestTask task in before.Processes.Where(task => stayed.Contains(task.Pid)))
        {
            Assert.True(listed.TryGetValue(task.Pid, out VmiProcess? process), $"{task.Pid} {task.Comm} is not listed");
            Assert.Equal(Expected(task), Found(process));
            compared++;
        }
        Assert.True(compared > 20);
        HashSet<int> known = [.. before.Tasks.Select(task => task.Pid), .. stayed];
        Assert.All(listed.Values, process => Assert.True(process.IsKernelThread || known.Contains(process.ProcessId)));
    }

    private static string Expected(GuestTask task) =>
        $"{task.Pid} {task.ParentPid} {task.Comm} {task.ExePath} uid {task.Uid} threads {task.Threads} kernel {task.IsKernelThread} ns {task.NamespacePids[^1]} started {task.StartTicks}";

    private static string Found(VmiProcess process) =>
        $"{process.ProcessId} {process.ParentProcessId} {process.Name} {process.Path} uid {process.UserId} threads {process.ThreadCount} kernel {process.IsKernelThread} ns {process.NamespaceProcessId} started {process.StartTimeSinceBoot.Ticks / (TimeSpan.TicksPerSecond / GroundTruth.TicksPerSecond)}";

    private static void AssertHasAll(InferredLayout layout)
    {
        Assert.All(_required, key => Assert.Contains(key, layout.Offsets.Keys));
        bool oldModules = layout.Offsets.ContainsKey("module.core_layout.base") && layout.Offsets.ContainsKey("module.core_layout.size");
        bool newModules = layout.Offsets.ContainsKey("module.mem") && layout.Offsets.ContainsKey("sizeof module_memory");
        Assert.True(oldModules ^ newModules);
    }

    /// <summary>The same by the kernel's types; null where they do not know the type (some are anonymous).</summary>
    private static int? Truth(ITypeTable types, string key)
    {
        if (key.StartsWith("sizeof ", StringComparison.Ordinal))
            return types.TryGetSize(key["sizeof ".Length..], out int size) ? size : -1;
        string type = key[..key.IndexOf('.', StringComparison.Ordinal)];
        if (!types.TryGetSize(type, out _))
            return null;
        return types.TryGetOffset(type, key[(type.Length + 1)..], out int offset) ? offset : -1;
    }

    private static GuestOptions OptionsFor(string kernel) => new() { Kernel = GuestKernel.All.First(one => one.Name == kernel) };
}
