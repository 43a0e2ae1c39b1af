using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Synthetic;

/// <summary>The symbol table of a kernel that has none.</summary>
internal sealed class EmptySymbolTable : ISymbolTable
{
    public static EmptySymbolTable Instance { get; } = new();

    public int Count => 0;

    public bool TryFind(string name, out GuestVirtualAddress address)
    {
        address = default;
        return false;
    }

    public VmiSymbol? FindNearest(GuestVirtualAddress address) => null;

    public IEnumerable<VmiSymbol> Enumerate() => [];
}
