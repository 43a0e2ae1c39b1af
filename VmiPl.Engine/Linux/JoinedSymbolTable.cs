using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>The kernel's symbols with its modules' beside them. Immutable.</summary>
internal sealed class JoinedSymbolTable : ISymbolTable
{
    private readonly ISymbolTable _kernel;
    private readonly VmiSymbol[] _modules;   // by address
    private readonly Dictionary<string, ulong> _byName = new(StringComparer.Ordinal);

    public JoinedSymbolTable(ISymbolTable kernel, IEnumerable<VmiSymbol> modules)
    {
        _kernel = kernel;
        _modules = [.. modules.OrderBy(symbol => symbol.Address)];
        foreach (VmiSymbol symbol in _modules)
            _byName.TryAdd(symbol.Name, symbol.Address);
    }

    public int Count => _kernel.Count + _modules.Length;

    public bool TryFind(string name, out GuestVirtualAddress address)
    {
        if (_kernel.TryFind(name, out address))
            return true;
        bool found = _byName.TryGetValue(name, out ulong value);
        address = new GuestVirtualAddress(value);
        return found;
    }

    public VmiSymbol? FindNearest(GuestVirtualAddress address)
    {
        int low = 0, high = _modules.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_modules[middle].Address <= address.Value)
                low = middle + 1;
            else
                high = middle;
        }
        VmiSymbol? module = low > 0 ? _modules[low - 1] : null;
        VmiSymbol? kernel = _kernel.FindNearest(address);
        return module is null || (kernel is not null && kernel.Address >= module.Address) ? kernel : module;
    }

    /// <inheritdoc/>
    public IEnumerable<VmiSymbol> Enumerate()
    {
        int next = 0;
        foreach (VmiSymbol symbol in _kernel.Enumerate())
        {
            while (next < _modules.Length && _modules[next].Address < symbol.Address)
                yield return _modules[next++];
            yield return symbol;
        }
        while (next < _modules.Length)
            yield return _modules[next++];
    }
}
