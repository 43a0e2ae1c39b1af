using System.Buffers.Binary;
using System.Text;

namespace VmiPl.Tests.Symbols;

/// <summary>The order in which a kernel of that time writes kallsyms (scripts/kallsyms.c).</summary>
public enum KallsymsOrder
{
    /// <summary>To 6.1: addresses, base, count, names, markers, tokens, index.</summary>
    AddressesFirst,
    /// <summary>6.2 and 6.3: the same with the sequence by name between markers and tokens.</summary>
    SequencesInside,
    /// <summary>From 6.4: count, names, markers, tokens, index, addresses, base, sequence.</summary>
    AddressesLast,
}

/// <summary>How addresses are written.</summary>
public enum KallsymsAddresses
{
    Absolute,
    BaseRelative,
    AbsolutePercpu,
    PlaceRelative,
}

/// <summary>Writes kallsyms as a kernel build does, in any of the historical forms.</summary>
public sealed class KallsymsWriter
{
    private readonly List<byte> _out = [];
    private readonly ulong _origin;
    private static readonly string[] Common = ["sys_", "_read", "_write", "init", "__", "ed", "er", "get_", "put_", "file", "task", "DR", "Tx", "Ds", "Bk"];

    public KallsymsWriter(ulong origin) => _origin = origin;

    public required KallsymsOrder Order { get; init; }
    public required KallsymsAddresses Addresses { get; init; }
    public int PointerSize { get; init; } = 8;
    public int MarkerBytes { get; init; } = 4;
    public int Alignment { get; init; } = 8;
    public bool LongNames { get; init; } = true;

    /// <summary>Position of the number of symbols in the result.</summary>
    public int CountAt { get; private set; }

    /// <summary>Writes the whole, padded so that what stands before it can't matter.</summary>
    public byte[] Write(IReadOnlyList<(string Name, char Type, ulong Address)> symbols)
    {
        if (Order != KallsymsOrder.AddressesLast)
            WriteAddresses(symbols);
        Label();
        CountAt = _out.Count;
        Word((uint)symbols.Count);
        string[] tokens = MakeTokens();
        Label();
        var markers = new List<int>();
        int names = _out.Count;
        for (int i = 0; i < symbols.Count; i++)
        {
            if (i % 256 == 0)
                markers.Add(_out.Count - names);
            byte[] codes = Compress(symbols[i].Type + symbols[i].Name, tokens);
            if (LongNames && codes.Length > 0x7F)
                _out.Add((byte)(codes.Length | 0x80));
            _out.Add((byte)(LongNames && codes.Length > 0x7F ? codes.Length >> 7 : codes.Length));
            _out.AddRange(codes);
        }
        Label();
        foreach (int marker in markers)
            Number((ulong)marker, MarkerBytes);
        if (Order == KallsymsOrder.SequencesInside)
            WriteSequences(symbols.Count);
        Label();
        int table = _out.Count;
        var index = new List<int>();
        foreach (string token in tokens)
        {
            index.Add(_out.Count - table);
            _out.AddRange(Encoding.ASCII.GetBytes(token));
            _out.Add(0);
        }
        Label();
        foreach (int start in index)
            Number((ulong)start, 2);
        if (Order == KallsymsOrder.AddressesLast)
        {
            WriteAddresses(symbols);
            WriteSequences(symbols.Count);
        }
        return [.. _out];
    }

    private void WriteAddresses(IReadOnlyList<(string Name, char Type, ulong Address)> symbols)
    {
        Label();
        ulong relativeBase = symbols.First(symbol => symbol.Address > 0xFFFF_FFFF >> (PointerSize == 8 ? 0 : 4)).Address;
        foreach ((_, _, ulong address) in symbols)
        {
            switch (Addresses)
            {
                case KallsymsAddresses.Absolute:
                    Number(address, PointerSize);
                    break;
                case KallsymsAddresses.BaseRelative:
                    Word((uint)(address - relativeBase));
                    break;
                case KallsymsAddresses.AbsolutePercpu:
                    Word((uint)(address < relativeBase ? address : relativeBase - address - 1));
                    break;
                default:
                    Word((uint)(address - (_origin + (ulong)_out.Count)));
                    break;
            }
        }
        if (Addresses is KallsymsAddresses.BaseRelative or KallsymsAddresses.AbsolutePercpu)
        {
            Label();
            Number(relativeBase, PointerSize);
        }
    }

    private void WriteSequences(int count)
    {
        Label();
        for (int i = 0; i < count; i++)
            _out.AddRange([(byte)(i >> 16), (byte)(i >> 8), (byte)i]);
    }

    private static string[] MakeTokens()
    {
        var tokens = new string[256];
        int next = 0;
        for (int i = 0; i < 256; i++)
        {
            bool literal = char.IsAsciiLetterOrDigit((char)i) || i is '_' or '.' or '$' or '?';
            tokens[i] = literal ? ((char)i).ToString() : next < Common.Length ? Common[next++] : "";
        }
        return tokens;
    }

    private static byte[] Compress(string text, string[] tokens)
    {
        var codes = new List<byte>();
        for (int at = 0; at < text.Length;)
        {
            int best = -1;
            for (int i = 0; i < 256; i++)
            {
                if (tokens[i].Length > (best < 0 ? 0 : tokens[best].Length) && string.CompareOrdinal(text, at, tokens[i], 0, tokens[i].Length) == 0)
                    best = i;
            }
            codes.Add((byte)best);
            at += tokens[best].Length;
        }
        return [.. codes];
    }

    private void Label()
    {
        while (_out.Count % Alignment != 0)
            _out.Add(0);
    }

    private void Word(uint value) => Number(value, 4);

    private void Number(ulong value, int width)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _out.AddRange(bytes[..width]);
    }
}
