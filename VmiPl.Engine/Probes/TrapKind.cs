namespace VmiPl.Probes;

/// <summary>How instructions are trapped.</summary>
public enum TrapKind
{
    /// <summary>By debug registers as long as there are any, then by breakpoint instructions.</summary>
    Auto,
    /// <summary>By debug registers only, of which there are four; the guest's memory is not changed.</summary>
    Hardware,
    /// <summary>By breakpoint instructions in the guest's memory.</summary>
    Software,
}
