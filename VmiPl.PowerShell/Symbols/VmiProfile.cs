namespace VmiPl.Commands.Symbols;

/// <summary>What was found of one guest's kernel, as <c>Get-VmiProfile</c> gives it. Immutable, with no live handle inside.
/// <para>No public type of this assembly has a field of an Engine's value type: PowerShell lists the public types before the
/// module could say where the Engine lies, and the layout of such a field would need it. So sources and modes are names.</para></summary>
public sealed record VmiProfile
{
    /// <summary>The machine's name.</summary>
    public required string Machine { get; init; }
    /// <summary>The kernel's release, as <c>uname -r</c> gives it.</summary>
    public required string KernelRelease { get; init; }
    /// <summary>The kernel's GNU build id in lower-case hex; null where it has none.</summary>
    public string? BuildId { get; init; }
    /// <summary>The architecture of the kernel: <c>x86_64</c> or <c>i386</c>.</summary>
    public required string Architecture { get; init; }
    /// <summary>How the kernel translates addresses: the name of a <see cref="VmiPl.Memory.PagingMode"/>.</summary>
    public required string PagingMode { get; init; }
    /// <summary>Guest-virtual address of the kernel image.</summary>
    public ulong KernelBase { get; init; }
    /// <summary>Number of symbols of the kernel proper.</summary>
    public int SymbolCount { get; init; }
    /// <summary>Where the types come from: <c>Btf</c> or <c>Inferred</c>.</summary>
    public required string TypeSource { get; init; }
    /// <summary>Addresses that reading this guest rests on.</summary>
    public required IReadOnlyList<VmiProfileSymbol> Symbols { get; init; }
    /// <summary>Offsets that reading this guest rests on.</summary>
    public required IReadOnlyList<VmiProfileOffset> Offsets { get; init; }
}

/// <summary>A symbol of a profile: its guest-virtual address and where that comes from (a <see cref="VmiPl.Symbols.ProfileSource"/>).</summary>
public sealed record VmiProfileSymbol(string Name, ulong Address, string Source);

/// <summary>An offset of a profile: bytes from the start of <c>struct Type</c> to a member (a path through nested structures
/// where it has dots), and where that comes from.</summary>
public sealed record VmiProfileOffset(string Type, string Member, int Offset, string Source);
