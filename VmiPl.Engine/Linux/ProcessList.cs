namespace VmiPl.Linux;

/// <summary>The tasks of one guest at one moment, in the order of the kernel's task list (order of creation), tasks that only
/// the pid table knows behind them. <paramref name="Problem"/> is null for a complete list; else it says why and where the
/// walk was cut, and <paramref name="Processes"/> holds what was found.</summary>
public sealed record ProcessList(IReadOnlyList<VmiProcess> Processes, string? Problem)
{
    /// <summary>Whether the list is known to be incomplete.</summary>
    public bool IsPartial => Problem is not null;
}
