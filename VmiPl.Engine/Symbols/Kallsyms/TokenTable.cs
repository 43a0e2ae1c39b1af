using System.Buffers.Binary;

namespace VmiPl.Symbols.Kallsyms;

/// <summary>The 256 pieces of text from which kallsyms builds names (scripts/kallsyms.c, <c>kallsyms_token_table</c> and
/// <c>kallsyms_token_index</c>). Immutable.</summary>
internal sealed class TokenTable
{
    private const int Tokens = 256, FirstDigit = '0';
    private readonly byte[] _text;
    private readonly ushort[] _starts;   // 257: the end of each token is the next one's start less its NUL
    private readonly NameHash[] _hashes = new NameHash[Tokens], _tailHashes = new NameHash[Tokens];

    private TokenTable(byte[] text, ushort[] starts)
    {
        _text = text;
        _starts = starts;
        for (int i = 0; i < Tokens; i++)
        {
            _hashes[i] = NameHash.Of(this[(byte)i]);
            _tailHashes[i] = this[(byte)i].IsEmpty ? default : NameHash.Of(this[(byte)i][1..]);
        }
    }

    /// <summary>Digits always stand for themselves, so that these tokens follow each other in every table.</summary>
    public static ReadOnlySpan<byte> Digits => "0\01\02\03\04\05\06\07\08\09"u8;

    /// <summary>The text of a token.</summary>
    public ReadOnlySpan<byte> this[byte token] => _text.AsSpan(_starts[token], _starts[token + 1] - _starts[token] - 1);

    /// <summary>All tokens with their NULs.</summary>
    public ReadOnlySpan<byte> Text => _text;

    /// <summary>The hash of a name given as its tokens, the type letter left out.</summary>
    public uint Hash(ReadOnlySpan<byte> tokens)
    {
        uint hash = _tailHashes[tokens[0]].Value;
        foreach (byte token in tokens[1..])
            hash = _hashes[token].AppendTo(hash);
        return hash;
    }

    /// <summary>Decodes the table around digits found at <paramref name="digits"/>. The index behind the table says where
    /// it starts, and each of its 256 entries must agree with the text. <paramref name="start"/> is the table's first
    /// byte, <paramref name="end"/> the first byte behind the index.</summary>
    public static TokenTable? TryDecode(ReadOnlySpan<byte> bytes, int digits, out int start, out int end)
    {
        start = end = 0;
        int at = digits;
        for (int token = FirstDigit; token < Tokens; token++)
        {
            int length = bytes[at..].IndexOf((byte)0);
            if (length < 0 || at + length - digits > ushort.MaxValue)
                return null;
            at += length + 1;
        }
        // Labels are aligned to 8 bytes (64-bit kernels before 7.0), 4, or 2 at least.
        foreach (int alignment in (ReadOnlySpan<int>)[8, 4, 2])
        {
            int index = (at + alignment - 1) & -alignment;
            if (index + 2 * Tokens > bytes.Length)
                continue;
            ReadOnlySpan<byte> offsets = bytes.Slice(index, 2 * Tokens);
            int first = digits - BinaryPrimitives.ReadUInt16LittleEndian(offsets[(2 * FirstDigit)..]);
            if (first < 0 || !Agrees(bytes, first, at, offsets))
                continue;
            start = first;
            end = index + 2 * Tokens;
            var starts = new ushort[Tokens + 1];
            for (int i = 0; i < Tokens; i++)
                starts[i] = BinaryPrimitives.ReadUInt16LittleEndian(offsets[(2 * i)..]);
            starts[Tokens] = (ushort)(at - first);
            return new TokenTable(bytes[first..at].ToArray(), starts);
        }
        return null;
    }

    private static bool Agrees(ReadOnlySpan<byte> bytes, int first, int end, ReadOnlySpan<byte> offsets)
    {
        if (end - first > ushort.MaxValue)
            return false;
        int at = first;
        for (int i = 0; i < Tokens; i++)
        {
            if (BinaryPrimitives.ReadUInt16LittleEndian(offsets[(2 * i)..]) != at - first || at >= end)
                return false;
            at += bytes[at..end].IndexOf((byte)0) + 1;
        }
        return at == end;
    }
}
