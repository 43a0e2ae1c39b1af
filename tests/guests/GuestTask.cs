namespace VmiPl.TestGuests;

/// <summary>One task as the guest's <c>/proc/TGID/task/TID/{stat,status}</c> and <c>/proc/TGID/task/TID/exe</c> show it.</summary>
public sealed record GuestTask
{
    /// <summary>The task's own (thread) id.</summary>
    public required int Pid { get; init; }
    /// <summary>Thread-group id: what <c>ps</c> calls PID.</summary>
    public required int ThreadGroupId { get; init; }
    /// <summary>Thread-group id of the parent; 0 where there is none.</summary>
    public required int ParentPid { get; init; }
    /// <summary>The bytes of the kernel's <c>comm</c>, at most 15.</summary>
    public required IReadOnlyList<byte> CommBytes { get; init; }
    /// <summary><see cref="CommBytes"/> as UTF-8, with U+FFFD for what is none.</summary>
    public required string Comm { get; init; }
    /// <summary>The name as <c>/proc</c> shows it: for kernel threads it may be longer than the kernel's <c>comm</c> and have the work appended.</summary>
    public required string ReportedName { get; init; }
    /// <summary>The executable's path; null for kernel threads, zombies and whatever else has none.</summary>
    public required string? ExePath { get; init; }
    /// <summary>Real user id.</summary>
    public required uint Uid { get; init; }
    /// <summary>When it started, in clock ticks since boot, of which <see cref="GroundTruth.TicksPerSecond"/> make a second.</summary>
    public required ulong StartTicks { get; init; }
    /// <summary>Threads in its group.</summary>
    public required int Threads { get; init; }
    /// <summary>Its ids from the first pid namespace to its own.</summary>
    public required IReadOnlyList<int> NamespacePids { get; init; }
    /// <summary>Whether the kernel started it (PF_KTHREAD).</summary>
    public required bool IsKernelThread { get; init; }
    /// <summary>State letter: R, S, D, Z, I …</summary>
    public required char State { get; init; }
    /// <summary>Whether it is its group's first thread.</summary>
    public bool IsLeader => Pid == ThreadGroupId;
}
