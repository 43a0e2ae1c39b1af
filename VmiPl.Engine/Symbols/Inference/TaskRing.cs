namespace VmiPl.Symbols.Inference;

/// <summary>The closed list of thread-group leaders, as found from one task's name: the address of the name of
/// <c>init_task</c> and, for each task in the list's order (<c>init_task</c> first), the address of its list node.</summary>
internal sealed record TaskRing(ulong InitComm, IReadOnlyList<ulong> Links)
{
    /// <summary>Distance from a task's list node to its name.</summary>
    public long CommFromLink => (long)(InitComm - Links[0]);

    /// <summary>The address of a task's name.</summary>
    public ulong Comm(int task) => Links[task] + (ulong)CommFromLink;
}
