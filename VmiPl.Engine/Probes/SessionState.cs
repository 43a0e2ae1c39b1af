namespace VmiPl.Probes;

/// <summary>Whether a session's probes are at work.</summary>
public enum SessionState
{
    /// <summary>They are.</summary>
    Running,
    /// <summary>They were taken out as asked.</summary>
    Stopped,
    /// <summary>They ended by themselves: the machine is gone, the guest has booted again, the connection was lost.</summary>
    Ended,
}
