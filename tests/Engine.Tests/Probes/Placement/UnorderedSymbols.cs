using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Probes.Placement;

/// <summary>Symbols in the order in which a hostile guest has them.</summary>
internal sealed class UnorderedSymbols(IReadOnlyList<VmiSymbol> symbols) : ISymbolTable
{
    public int Count => symbols.Count;

    public bool TryFind(string name, out GuestVirtualAddress address)
    {
        VmiSymbol? symbol = symbols.FirstOrDefault(symbol => symbol.Name == name);
        address = new GuestVirtualAddress(symbol?.Address ?? 0);
        return symbol is not null;
    }

    public VmiSymbol? FindNearest(GuestVirtualAddress address) => null;

    public IEnumerable<VmiSymbol> Enumerate() => symbols;
}
