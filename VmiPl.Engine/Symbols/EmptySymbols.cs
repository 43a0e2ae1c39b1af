using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>The symbols of a kernel that has no symbol table (CONFIG_KALLSYMS off).</summary>
internal sealed class EmptySymbols : ISymbolTable
{
    /// <inheritdoc/>
    public int Count => 0;

    /// <inheritdoc/>
    public bool TryFind(string name, out GuestVirtualAddress address)
    {
        address = default;
        return false;
    }

    /// <inheritdoc/>
    public VmiSymbol? FindNearest(GuestVirtualAddress address) => null;

    /// <inheritdoc/>
    public IEnumerable<VmiSymbol> Enumerate() => [];
}
