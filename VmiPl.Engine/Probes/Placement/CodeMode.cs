namespace VmiPl.Probes.Placement;

/// <summary>How the processor reads code: the width, in bits, of operands and addresses that CS gives (Intel SDM volume 3A, 3.4.5 and 5.2.1).</summary>
public enum CodeMode
{
    /// <summary>Real mode, or a 16-bit segment.</summary>
    Bits16 = 16,
    /// <summary>A 32-bit segment; compatibility mode is this, too.</summary>
    Bits32 = 32,
    /// <summary>64-bit mode.</summary>
    Bits64 = 64,
}
