namespace VmiPl.Linux;

/// <summary>One task of the guest, as one operation saw it. Immutable, with no live handle inside, so that it survives
/// serialisation.</summary>
public sealed record VmiProcess
{
    /// <summary>The machine's name.</summary>
    public required string Machine { get; init; }
    /// <summary>Thread-group id in the guest's first pid namespace: what the guest's <c>ps</c> calls PID.</summary>
    public required int ProcessId { get; init; }
    /// <summary>The task's own id in the first pid namespace; equals <see cref="ProcessId"/> for a thread-group leader.</summary>
    public required int ThreadId { get; init; }
    /// <summary>Thread-group id of the parent; 0 where there is none.</summary>
    public int ParentProcessId { get; init; }
    /// <summary>The kernel's <c>comm</c>, at most 15 bytes, bytes that are no UTF-8 replaced.</summary>
    public string Name { get; init; } = "";
    /// <summary>Absolute path of the executable as <c>/proc/PID/exe</c> shows it; null for kernel threads and where it can't be read.</summary>
    public string? Path { get; init; }
    /// <summary>Real user id in the guest's first user namespace.</summary>
    public uint UserId { get; init; }
    /// <summary>Guest-physical address of the top page table, comparable with a masked CR3; null for a task with no memory of its own.</summary>
    public ulong? PageDirectory { get; init; }
    /// <summary>When the task started, by the guest's own clock, UTC; null where the guest's clock offsets can't be found.</summary>
    public DateTime? StartTime { get; init; }
    /// <summary>When the task started, since the guest's boot (suspended time included).</summary>
    public TimeSpan StartTimeSinceBoot { get; init; }
    /// <summary>Number of threads in the group.</summary>
    public int ThreadCount { get; init; }
    /// <summary>Whether the task is the kernel's own.</summary>
    public bool IsKernelThread { get; init; }
    /// <summary>The id that the task has in its own pid namespace.</summary>
    public int NamespaceProcessId { get; init; }
    /// <summary>Guest-virtual address of its <c>task_struct</c>.</summary>
    public ulong TaskAddress { get; init; }
    /// <summary>Where the task was found. Anything but <see cref="TaskVisibility.Normal"/> on a guest that stands still
    /// means that somebody hides it.</summary>
    public TaskVisibility Visibility { get; init; }
    /// <summary>What could not be read of this task, in words; null where everything could.</summary>
    public string? Problem { get; init; }
}
