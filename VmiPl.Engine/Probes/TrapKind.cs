namespace VmiPl.Probes;

/// <summary>How instructions are trapped.</summary>
public enum TrapKind
{
    /// <summary>By debug registers as long as there are any, then as the driver can: the shim by <see cref="Port"/>, the gdbstub by breakpoint
    /// instructions.</summary>
    Auto,
    /// <summary>By debug registers only, of which there are four; the guest's memory is not changed.</summary>
    Hardware,
    /// <summary>By breakpoint instructions in the guest's memory.</summary>
    Software,
    /// <summary>By an <c>out</c> to a port that nobody claims, written over the instruction's first two bytes: in the kernel's code and under the shim
    /// only.</summary>
    Port,
}
