using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Linux.Syscalls;

/// <summary>A symbol table that a test has written down.</summary>
internal sealed class ListedSymbols(IReadOnlyList<VmiSymbol> symbols) : ISymbolTable
{
    public int Count => symbols.Count;

    public bool TryFind(string name, out GuestVirtualAddress address)
    {
        VmiSymbol? symbol = symbols.FirstOrDefault(symbol => symbol.Name == name);
        address = new GuestVirtualAddress(symbol?.Address ?? 0);
        return symbol is not null;
    }

    public VmiSymbol? FindNearest(GuestVirtualAddress address) =>
        symbols.Where(symbol => symbol.Address <= address.Value).MaxBy(symbol => symbol.Address);

    public IEnumerable<VmiSymbol> Enumerate() => symbols.OrderBy(symbol => symbol.Address);
}
