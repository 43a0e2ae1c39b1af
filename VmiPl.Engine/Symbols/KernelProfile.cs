using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>What one guest's kernel looks like: where a symbol is, at which offset a member. Asked in this order: what a
/// Configuration gives, the kernel's own tables, what was inferred. Immutable; safe from any thread.</summary>
public sealed class KernelProfile
{
    private readonly IReadOnlyDictionary<string, int> _inferredOffsets;
    private readonly IReadOnlyDictionary<string, ulong> _inferredSymbols;

    /// <summary>Makes a profile. Keys of <paramref name="inferredOffsets"/> are <c>"type.member"</c>, with a type's own size
    /// under <c>"sizeof type"</c>.</summary>
    public KernelProfile(
        string release, string? buildId, KernelLocation location, ISymbolTable symbols, ITypeTable? types,
        IReadOnlyDictionary<string, int>? inferredOffsets = null, IReadOnlyDictionary<string, ulong>? inferredSymbols = null)
    {
        Release = release;
        BuildId = buildId;
        Location = location;
        Symbols = symbols;
        Types = types;
        _inferredOffsets = inferredOffsets ?? new Dictionary<string, int>();
        _inferredSymbols = inferredSymbols ?? new Dictionary<string, ulong>();
    }

    /// <summary>The kernel's release, as <c>uname -r</c> gives it.</summary>
    public string Release { get; }

    /// <summary>The kernel's GNU build id in lower-case hex; null where it has none.</summary>
    public string? BuildId { get; }

    /// <summary>Where the kernel lies.</summary>
    public KernelLocation Location { get; }

    /// <summary>Bytes of a kernel pointer.</summary>
    public int PointerSize => Location.Mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4;

    /// <summary>The kernel's symbols.</summary>
    public ISymbolTable Symbols { get; }

    /// <summary>The kernel's types; null where the kernel has no BTF.</summary>
    public ITypeTable? Types { get; }

    /// <summary>Offsets that were inferred, by <c>"type.member"</c>.</summary>
    public IReadOnlyDictionary<string, int> InferredOffsets => _inferredOffsets;

    /// <summary>The address of a symbol, or false.</summary>
    public bool TryGetSymbol(string name, out GuestVirtualAddress address)
    {
        if (Symbols.TryFind(name, out address))
            return true;
        bool found = _inferredSymbols.TryGetValue(name, out ulong value);
        address = new GuestVirtualAddress(value);
        return found;
    }

    /// <summary>The offset in bytes of a member, or false; see <see cref="ITypeTable.TryGetOffset"/>.</summary>
    public bool TryGetOffset(string type, string member, out int offset) =>
        (Types is not null && Types.TryGetOffset(type, member, out offset))
        || _inferredOffsets.TryGetValue($"{type}.{member}", out offset);

    /// <summary>The size in bytes of a type, or false.</summary>
    public bool TryGetSize(string type, out int size) =>
        (Types is not null && Types.TryGetSize(type, out size))
        || _inferredOffsets.TryGetValue($"sizeof {type}", out size);
}
