namespace VmiPl.Probes.Placement;

/// <summary>How an instruction touches memory.</summary>
[Flags]
public enum MemoryTouch
{
    /// <summary>Not at all.</summary>
    None = 0,
    /// <summary>It reads.</summary>
    Read = 1,
    /// <summary>It writes.</summary>
    Write = 2,
}
