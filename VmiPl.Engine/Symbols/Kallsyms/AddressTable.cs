using System.Buffers.Binary;

namespace VmiPl.Symbols.Kallsyms;

/// <summary>One place and form in which the symbols' addresses may be written; see <see cref="AddressEncoding"/>.
/// <paramref name="Table"/> and <paramref name="Base"/> are positions in the block of memory that holds all of kallsyms.</summary>
internal readonly record struct AddressTable(AddressEncoding Encoding, int Table, int Base)
{
    /// <summary>Every place the kernel's history knows: before the number of symbols (to 6.3) and behind the token index.
    /// <paramref name="countAt"/> is the number's position, <paramref name="indexEnd"/> the first byte behind the index.</summary>
    public static List<AddressTable> Candidates(int count, int countAt, int indexEnd, int pointerSize)
    {
        var list = new List<AddressTable>();
        int offsets = Align(count * 4, pointerSize);
        AddRelative(list, countAt - pointerSize - offsets, countAt - pointerSize);
        AddAbsolute(list, countAt - count * pointerSize, pointerSize);
        AddBehind(list, Align(indexEnd, pointerSize), count, pointerSize);
        if (Align(indexEnd, pointerSize) != indexEnd)
            AddBehind(list, indexEnd, count, pointerSize);
        return list;
    }

    /// <summary>The first byte of the table and its base, and the first one behind them.</summary>
    public (int First, int End) Extent(int count, int pointerSize)
    {
        int end = Table + count * (Encoding == AddressEncoding.Absolute ? pointerSize : 4);
        return Encoding is AddressEncoding.BaseRelative or AddressEncoding.AbsolutePercpu
            ? (Math.Min(Table, Base), Math.Max(end, Base + pointerSize))
            : (Table, end);
    }

    /// <summary>Decodes all addresses; false where the table does not lie in the block. <paramref name="origin"/> is the
    /// block's virtual address.</summary>
    public bool TryDecode(ReadOnlySpan<byte> block, ulong origin, int pointerSize, Span<ulong> addresses)
    {
        int width = Encoding == AddressEncoding.Absolute ? pointerSize : 4;
        if (Table < 0 || addresses.Length > (block.Length - Table) / width)
            return false;
        ulong start = 0;
        if (Encoding is AddressEncoding.BaseRelative or AddressEncoding.AbsolutePercpu)
        {
            if (Base < 0 || Base + pointerSize > block.Length)
                return false;
            start = ReadPointer(block[Base..], pointerSize);
        }
        ReadOnlySpan<byte> table = block.Slice(Table, addresses.Length * width);
        for (int i = 0; i < addresses.Length; i++)
        {
            int value = BinaryPrimitives.ReadInt32LittleEndian(table[(i * width)..]);
            ulong address = Encoding switch
            {
                AddressEncoding.Absolute => ReadPointer(table[(i * width)..], pointerSize),
                AddressEncoding.BaseRelative => start + (uint)value,
                AddressEncoding.AbsolutePercpu => value >= 0 ? (ulong)value : start - 1 - (ulong)(long)value,
                _ => origin + (ulong)Table + (ulong)i * 4 + (ulong)(long)value,
            };
            addresses[i] = pointerSize == 4 ? (uint)address : address;
        }
        return true;
    }

    private static void AddBehind(List<AddressTable> list, int at, int count, int pointerSize)
    {
        AddRelative(list, at, Align(at + count * 4, pointerSize));
        AddAbsolute(list, at, pointerSize);
        list.Add(new AddressTable(AddressEncoding.PlaceRelative, at, 0));
    }

    private static void AddRelative(List<AddressTable> list, int table, int start)
    {
        list.Add(new AddressTable(AddressEncoding.BaseRelative, table, start));
        list.Add(new AddressTable(AddressEncoding.AbsolutePercpu, table, start));
    }

    private static void AddAbsolute(List<AddressTable> list, int table, int pointerSize)
    {
        if (table % pointerSize == 0)
            list.Add(new AddressTable(AddressEncoding.Absolute, table, 0));
    }

    private static int Align(int value, int alignment) => (value + alignment - 1) & -alignment;

    private static ulong ReadPointer(ReadOnlySpan<byte> bytes, int size) => size == 8
        ? BinaryPrimitives.ReadUInt64LittleEndian(bytes)
        : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
