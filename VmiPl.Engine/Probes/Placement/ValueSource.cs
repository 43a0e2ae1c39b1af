namespace VmiPl.Probes.Placement;

/// <summary>Where a privileged instruction takes the value that it writes from.</summary>
public enum ValueSource
{
    /// <summary>A general register, whole.</summary>
    Register,
    /// <summary>The low four bits of a register become those of CR0, but protection (bit 0) is never switched off: <c>lmsw</c>.</summary>
    MachineStatus,
    /// <summary>The old value without bit 3 of CR0, TS: <c>clts</c>.</summary>
    ClearTaskSwitched,
    /// <summary>EDX holds the upper and EAX the lower half: <c>wrmsr</c>.</summary>
    EdxEax,
    /// <summary>Memory: <c>lidt</c>, <c>lgdt</c>, <c>lmsw</c> of a word in memory, <c>wrmsrlist</c>.</summary>
    Memory,
}
