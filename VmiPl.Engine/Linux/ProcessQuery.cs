namespace VmiPl.Linux;

/// <summary>What a process list shall hold.</summary>
public sealed record ProcessQuery
{
    /// <summary>Whether every thread is listed, not only the leaders of thread groups.</summary>
    public bool IncludeThreads { get; init; }

    /// <summary>Whether the pid table is read too and compared with the task list; off, <see cref="VmiProcess.Visibility"/> is
    /// <see cref="TaskVisibility.NotChecked"/> and the namespace pid is not known.</summary>
    public bool CheckPidTable { get; init; } = true;
}
