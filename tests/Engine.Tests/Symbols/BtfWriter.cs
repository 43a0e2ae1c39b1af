using System.Buffers.Binary;
using System.Text;

namespace VmiPl.Tests.Symbols;

/// <summary>Writes BTF (Documentation/bpf/btf.rst), type by type.</summary>
public sealed class BtfWriter
{
    private readonly List<byte> _types = [], _strings = [0];
    private int _lastId;

    public int Add(int kind, string name, uint sizeOrType, int count = 0, bool flag = false, params uint[] extra)
    {
        Word(String(name));
        Word((uint)kind << 24 | (uint)count | (flag ? 1u << 31 : 0));
        Word(sizeOrType);
        foreach (uint word in extra)
            Word(word);
        return ++_lastId;
    }

    public int AddInt(string name, uint bytes) => Add(1, name, bytes, extra: bytes * 8);

    public int AddPointer(int to) => Add(2, "", (uint)to);

    public int AddArray(int of, uint elements) => Add(3, "", 0, extra: [(uint)of, 1, elements]);

    /// <summary>A struct (kind 4) or union (kind 5); offsets are in bits.</summary>
    public int Composite(int kind, string name, uint bytes, params (string Name, int Type, uint Bit)[] members) =>
        Add(kind, name, bytes, members.Length, extra: [.. members.SelectMany(member => new[] { String(member.Name), (uint)member.Type, member.Bit })]);

    /// <summary>A struct with bit fields.</summary>
    public int BitFields(string name, uint bytes, params (string Name, int Type, uint Bit, uint Bits)[] members) =>
        Add(4, name, bytes, members.Length, flag: true, extra: [.. members.SelectMany(member => new[] { String(member.Name), (uint)member.Type, member.Bit | member.Bits << 24 })]);

    public byte[] Write(int headerBytes = 24)
    {
        byte[] header = new byte[headerBytes];
        header[0] = 0x9F;
        header[1] = 0xEB;
        header[2] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)headerBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), (uint)_types.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), (uint)_types.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(20), (uint)_strings.Count);
        return [.. header, .. _types, .. _strings];
    }

    /// <summary>A small kernel's types: what tests ask for, and enough else to be taken for a kernel's.</summary>
    public static byte[] Kernel(int headerBytes = 24)
    {
        var btf = new BtfWriter();
        int number = btf.AddInt("int", 4), letter = btf.AddInt("char", 1), word = btf.AddInt("long unsigned int", 8);
        int list = btf._lastId + 1;
        btf.Composite(4, "list_head", 16, ("next", list + 1, 0), ("prev", list + 1, 64));
        btf.AddPointer(list);
        int text = btf.AddArray(letter, 16);
        int count = btf.Add(8, "atomic_t", (uint)number);
        int inner = btf.Composite(4, "", 16, ("pid", number, 0), ("tgid", count, 32), ("deep", word, 64));
        int either = btf.Composite(5, "", 16, ("", inner, 0), ("rcu", list, 0));
        int flags = btf.BitFields("flags", 4, ("low", number, 0, 3), ("odd", number, 3, 5), ("byte", number, 8, 8));
        int constant = btf.Add(10, "", (uint)word);
        btf.Add(19, "big", 8, 1, extra: [btf.String("BIG_ONE"), 1, 0]);
        btf.Add(13, "", (uint)number, 1, extra: [btf.String("arg"), (uint)number]);
        btf.Composite(4, "task_struct", 128, ("state", constant, 0), ("tasks", list, 64), ("", either, 192), ("comm", text, 320), ("bits", flags, 448), ("mm", list + 1, 512));
        btf.Add(15, ".data..percpu", 8, 1, extra: [(uint)number, 0, 8]);
        for (int i = 0; i < 300; i++)
            btf.Composite(4, $"filler_{i}", 8, ("value", word, 0));
        return btf.Write(headerBytes);
    }

    private uint String(string text)
    {
        if (text.Length == 0)
            return 0;
        uint at = (uint)_strings.Count;
        _strings.AddRange(Encoding.ASCII.GetBytes(text));
        _strings.Add(0);
        return at;
    }

    private void Word(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _types.AddRange(bytes);
    }
}
