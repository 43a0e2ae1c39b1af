using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>Kernel symbols, whatever they were read from. Immutable once made; safe from any thread.</summary>
public interface ISymbolTable
{
    /// <summary>Number of symbols.</summary>
    int Count { get; }

    /// <summary>Finds the first symbol of exactly that name (kernels have several static ones of one name).</summary>
    bool TryFind(string name, out GuestVirtualAddress address);

    /// <summary>The symbol with the highest address that is not above <paramref name="address"/>, or null.</summary>
    VmiSymbol? FindNearest(GuestVirtualAddress address);

    /// <summary>All symbols in ascending order of address, names decoded as they are asked for.</summary>
    IEnumerable<VmiSymbol> Enumerate();
}
