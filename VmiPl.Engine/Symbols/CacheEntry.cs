namespace VmiPl.Symbols;

/// <summary>What the cache knows of one kernel build: where things lie, in bytes from the image's start, and what they must
/// hash to. Nothing in here is believed before the guest's own bytes were decoded and compared.</summary>
internal sealed record CacheEntry
{
    /// <summary>The form of entries that this version writes and reads.</summary>
    public const int CurrentVersion = 1;

    public int Version { get; init; } = CurrentVersion;
    public ulong Banner { get; init; }
    public ulong SymbolsStart { get; init; }
    public int SymbolsLength { get; init; }
    public ulong SymbolsDigits { get; init; }
    /// <summary>SHA-256 in hex; see <see cref="Kallsyms.KallsymsTable.Fingerprint"/>.</summary>
    public string SymbolsHash { get; init; } = "";
    public ulong TypesStart { get; init; }
    /// <summary>Bytes of the BTF blob; 0: the kernel has none.</summary>
    public int TypesLength { get; init; }
    /// <summary>SHA-256 of the blob in hex.</summary>
    public string TypesHash { get; init; } = "";
}
