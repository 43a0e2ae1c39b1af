using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols.Ksymtab;

namespace VmiPl.Symbols.Inference;

/// <summary>Finds offsets and symbols by known content, where a kernel has no type information or no data symbols. No kernel
/// version is asked for: each finding is a fact that holds for nearly all of the guest's tasks, and the only such fact.
/// What is absent or ambiguous is left out.</summary>
public static class LayoutInference
{
    private const int MaxReads = 4_000_000, Attempts = 2;

    /// <summary>Looks at a kernel that is up (it has at least one program). Memory may change meanwhile, though a guest that
    /// stands still gives the most. Never throws for what the guest holds: the result is then empty or small. Throws
    /// <see cref="VmiException"/> with <c>MachineLost</c> when the machine goes away.</summary>
    /// <param name="kernel">The kernel's address space; it is only read.</param>
    /// <param name="location">Where the image lies.</param>
    /// <param name="symbols">What symbols are known already; may be empty.</param>
    /// <param name="limits">Bounds.</param>
    public static InferredLayout Infer(AddressSpace kernel, KernelLocation location, ISymbolTable symbols, VmiLimits limits)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        ArgumentNullException.ThrowIfNull(location);
        ArgumentNullException.ThrowIfNull(symbols);
        ArgumentNullException.ThrowIfNull(limits);
        InferredLayout best = new LayoutBuilder().Build();
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            InferredLayout layout;
            try
            {
                layout = InferOnce(kernel, location, symbols, limits);
            }
            catch (VmiException exception) when (exception.Code == VmiErrorCode.LimitExceeded)
            {
                break; // page tables that describe more than there can be
            }
            if (layout.Offsets.Count > best.Offsets.Count)
                best = layout;
            // A list that was caught while it changed is whole at the next look.
            if (best.Offsets.ContainsKey("task_struct.tasks"))
                break;
        }
        return best;
    }

    private static InferredLayout InferOnce(AddressSpace kernel, KernelLocation location, ISymbolTable symbols, VmiLimits limits)
    {
        // Each page is read once: cheaper where reading costs a call, and one consistent view of what changes meanwhile.
        var space = new AddressSpace(new SnapshotMemory(kernel.Memory), kernel.Mode, kernel.Root);
        var reader = new KernelReader(space, location, MaxReads);
        var layout = new LayoutBuilder();
        ImageFindings image = ImageFindings.Collect(reader, kernel, limits);
        if (image.Banners.Count > 0)
            layout.Symbol("linux_banner", image.Banners[0]);
        if (image.Modules is { } modules)
            ModuleInference.Infer(reader, modules, layout);
        ClockInference.Infer(reader, image.Times, layout);
        NoteExports(reader, image, symbols, limits, layout);
        if (FindTasks(reader, image, symbols, limits) is { } ring)
            InferTasks(reader, ring, layout);
        return layout.Build();
    }

    /// <summary>What tells the task that runs on a CPU: kernels without data symbols export it nevertheless.</summary>
    private static void NoteExports(KernelReader reader, ImageFindings image, ISymbolTable symbols, VmiLimits limits, LayoutBuilder layout)
    {
        if (symbols.TryFind("current_task", out _) || KsymtabDecoder.Find(reader, image.ExportNames, limits) is not { } exports)
            return;
        foreach (string name in (ReadOnlySpan<string>)["current_task", "__per_cpu_offset"])
        {
            if (exports.TryFind(name, out GuestVirtualAddress address))
                layout.Symbol(name, address.Value);
        }
    }

    private static TaskRing? FindTasks(KernelReader reader, ImageFindings image, ISymbolTable symbols, VmiLimits limits)
    {
        if (TaskRingFinder.Find(reader, image.IdleNames, limits.MaxTasks) is { } ring)
            return ring;
        // Not in what is held for the image: then by its symbol, which every kernel exports.
        if (!symbols.TryFind("init_task", out GuestVirtualAddress task)
            && KsymtabDecoder.Find(reader, image.ExportNames, limits)?.TryFind("init_task", out task) is not true)
            return null;
        return TaskRingFinder.Find(reader, TaskName.FindIdleTask(reader, task.Value), limits.MaxTasks);
    }

    private static void InferTasks(KernelReader reader, TaskRing ring, LayoutBuilder layout)
    {
        if (FamilyInference.FindCommOffset(reader, ring) is not { } comm)
            return;
        var tasks = new TaskSamples(reader, ring, comm);
        if (tasks.Size < comm + TaskName.Length || tasks.TasksOffset < 0 || tasks.TasksOffset >= tasks.Size)
            return;
        layout.Symbol("init_task", tasks.Bases[0]);
        layout.Offset("task_struct.comm", comm);
        layout.Offset("task_struct.tasks", tasks.TasksOffset);
        FamilyInference.Infer(reader, tasks, layout);
        CredentialInference.Infer(reader, tasks, layout);
        TimeInference.Infer(reader, tasks, layout);
        SignalInference.Infer(reader, tasks, layout);
        PidInference.Infer(reader, tasks, layout);
        PidTableInference.Infer(reader, tasks, layout);
        PageTableInference.Infer(reader, tasks, layout);
        PathInference.Infer(reader, MemoryInference.Infer(reader, tasks, layout), layout);
    }
}
