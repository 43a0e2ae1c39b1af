using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using VmiPl.Memory;

namespace VmiPl.Symbols.Kallsyms;

/// <summary>The kernel's own symbol table: addresses decoded, names kept as the kernel keeps them and expanded when they are
/// asked for. Immutable; safe from any thread.</summary>
internal sealed class KallsymsTable : ISymbolTable
{
    private readonly NameStream _names;
    private readonly ulong[] _addresses;
    private readonly Lazy<NameIndex> _index;
    private readonly Lazy<int[]?> _order;   // indexes by ascending address; null where the table is so already

    public KallsymsTable(NameStream names, ulong[] addresses)
    {
        _names = names;
        _addresses = addresses;
        _index = new Lazy<NameIndex>(() => new NameIndex(_names));
        _order = new Lazy<int[]?>(Order);
    }

    /// <summary>Where the table lies in the guest.</summary>
    public KallsymsPlace Place { get; init; }

    /// <summary>The SHA-256 of all names, tokens and addresses, those in the image taken from its start, so that it is the same
    /// wherever the kernel was loaded.</summary>
    public byte[] Fingerprint(KernelImage image)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(_names.Tokens.Text);
        hash.AppendData(_names.Bytes);
        ulong[] piece = new ulong[4096];
        for (int done = 0; done < _addresses.Length; done += piece.Length)
        {
            int count = Math.Min(piece.Length, _addresses.Length - done);
            for (int i = 0; i < count; i++)
            {
                ulong address = _addresses[done + i];
                piece[i] = address >= image.Start ? address - image.Start : ~address;
            }
            hash.AppendData(MemoryMarshal.AsBytes(piece.AsSpan(0, count)));
        }
        return hash.GetHashAndReset();
    }

    /// <inheritdoc/>
    public int Count => _addresses.Length;

    /// <inheritdoc/>
    public bool TryFind(string name, out GuestVirtualAddress address)
    {
        int found = name.Length <= NameStream.MaxName ? _index.Value.Find(Encoding.UTF8.GetBytes(name)) : -1;
        address = new GuestVirtualAddress(found >= 0 ? _addresses[found] : 0);
        return found >= 0;
    }

    /// <inheritdoc/>
    public VmiSymbol? FindNearest(GuestVirtualAddress address)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (AddressAt(middle) <= address.Value)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == 0)
            return null;
        // Of several names of one address the kernel's own look-up takes the first.
        int at = low - 1;
        while (at > 0 && AddressAt(at - 1) == AddressAt(at))
            at--;
        int index = _order.Value?[at] ?? at;
        return Make(index, _names.PositionOf(index), new byte[NameStream.MaxName]);
    }

    /// <inheritdoc/>
    public IEnumerable<VmiSymbol> Enumerate()
    {
        byte[] buffer = new byte[NameStream.MaxName];
        int position = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_order.Value is { } order)
            {
                yield return Make(order[i], _names.PositionOf(order[i]), buffer);
                continue;
            }
            yield return Make(i, position, buffer);
            position = _names.Next(position);
        }
    }

    private ulong AddressAt(int rank) => _addresses[_order.Value?[rank] ?? rank];

    private VmiSymbol Make(int index, int position, byte[] buffer)
    {
        int length = _names.Expand(position, buffer, out char type);
        return new VmiSymbol(Encoding.UTF8.GetString(buffer.AsSpan(0, length)), _addresses[index], type, null);
    }

    private int[]? Order()
    {
        bool ascending = true;
        for (int i = 1; i < _addresses.Length && ascending; i++)
            ascending = _addresses[i - 1] <= _addresses[i];
        if (ascending)
            return null;
        int[] order = new int[_addresses.Length];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        Array.Sort(order, (left, right) =>
        {
            int byAddress = _addresses[left].CompareTo(_addresses[right]);
            return byAddress != 0 ? byAddress : left.CompareTo(right);
        });
        return order;
    }
}
