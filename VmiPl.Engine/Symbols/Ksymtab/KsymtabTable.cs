using VmiPl.Memory;

namespace VmiPl.Symbols.Ksymtab;

/// <summary>The symbols that a kernel exports to its modules, code and data alike: there also where kallsyms holds code only.
/// Immutable; safe from any thread.</summary>
public sealed class KsymtabTable : ISymbolTable
{
    private readonly VmiSymbol[] _symbols;
    private readonly Dictionary<string, int> _byName;

    /// <summary>Makes a table of symbols in any order. Of several with one name the one with the lowest address is found.</summary>
    public KsymtabTable(IEnumerable<VmiSymbol> symbols)
    {
        _symbols = [.. symbols.OrderBy(symbol => symbol.Address).ThenBy(symbol => symbol.Name, StringComparer.Ordinal)];
        _byName = new Dictionary<string, int>(_symbols.Length, StringComparer.Ordinal);
        for (int i = 0; i < _symbols.Length; i++)
            _byName.TryAdd(_symbols[i].Name, i);
    }

    /// <inheritdoc/>
    public int Count => _symbols.Length;

    /// <inheritdoc/>
    public bool TryFind(string name, out GuestVirtualAddress address)
    {
        bool found = _byName.TryGetValue(name, out int index);
        address = new GuestVirtualAddress(found ? _symbols[index].Address : 0);
        return found;
    }

    /// <inheritdoc/>
    public VmiSymbol? FindNearest(GuestVirtualAddress address)
    {
        int low = 0, high = _symbols.Length;
        while (low < high)
        {
            int middle = low + (high - low) / 2;
            if (_symbols[middle].Address <= address.Value)
                low = middle + 1;
            else
                high = middle;
        }
        return low == 0 ? null : _symbols[low - 1];
    }

    /// <inheritdoc/>
    public IEnumerable<VmiSymbol> Enumerate() => _symbols;
}
