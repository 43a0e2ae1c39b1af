using System.Globalization;
using VmiPl.Symbols;

namespace VmiPl.Probes.Placement;

/// <summary>Where functions begin in a run of code, by ascending address, each address once with the first of its names. An instruction
/// begins at each of them for certain; a label in the middle of a function is as good as a function.</summary>
internal sealed class FunctionStarts
{
    private readonly ulong[] _addresses;
    private readonly string[] _names;

    /// <summary>Takes the text symbols of <paramref name="symbols"/> from <paramref name="first"/> to before <paramref name="end"/>. Order and
    /// number of the symbols are the guest's and are not relied on.</summary>
    public FunctionStarts(IEnumerable<VmiSymbol> symbols, ulong first, ulong end)
    {
        var addresses = new List<ulong>();
        var names = new List<string>();
        bool ascending = true;
        foreach (VmiSymbol symbol in symbols)
        {
            // t, T: text; w, W: weak, mostly text; ?: a module's, of a kernel that does not keep the letter.
            if (symbol.Address < first || symbol.Address >= end || symbol.Type is not ('t' or 'T' or 'w' or 'W' or '?'))
                continue;
            if (addresses.Count > 0 && symbol.Address == addresses[^1])
                continue;
            ascending &= addresses.Count == 0 || symbol.Address > addresses[^1];
            addresses.Add(symbol.Address);
            names.Add(symbol.Name);
        }
        if (!ascending)
        {
            int[] order = [.. Enumerable.Range(0, addresses.Count).OrderBy(i => addresses[i]).DistinctBy(i => addresses[i])];
            addresses = [.. order.Select(i => addresses[i])];
            names = [.. order.Select(i => names[i])];
        }
        _addresses = [.. addresses];
        _names = [.. names];
    }

    public int Count => _addresses.Length;

    public ulong this[int index] => _addresses[index];

    /// <summary>What stands at an address in the function with that index.</summary>
    public string NameOf(int index, ulong address)
    {
        ulong offset = address - _addresses[index];
        return offset == 0 ? _names[index] : string.Create(CultureInfo.InvariantCulture, $"{_names[index]}+0x{offset:x}");
    }

    /// <summary>The last start that is not above an address; −1 where there is none.</summary>
    public int IndexOf(ulong address)
    {
        int found = Array.BinarySearch(_addresses, address);
        return found >= 0 ? found : ~found - 1;
    }
}
