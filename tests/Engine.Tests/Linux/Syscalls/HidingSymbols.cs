using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Linux.Syscalls;

/// <summary>A symbol table with some of its names left out.</summary>
internal sealed class HidingSymbols(ISymbolTable all, params string[] hidden) : ISymbolTable
{
    public int Count => all.Count - hidden.Length;

    public bool TryFind(string name, out GuestVirtualAddress address)
    {
        address = default;
        return !hidden.Contains(name) && all.TryFind(name, out address);
    }

    public VmiSymbol? FindNearest(GuestVirtualAddress address) => all.FindNearest(address);

    public IEnumerable<VmiSymbol> Enumerate() => all.Enumerate().Where(symbol => !hidden.Contains(symbol.Name));
}
