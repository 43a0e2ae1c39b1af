using System.Buffers.Binary;
using VmiPl.Errors;

namespace VmiPl.Symbols.Kallsyms;

/// <summary>The compressed names (<c>kallsyms_names</c>): for each symbol a length of one byte, or of two where the first
/// one's top bit is set (since 6.1), then tokens; the first letter of the first token is the symbol's type. Every 256th
/// position is written down a second time in <c>kallsyms_markers</c>, which proves a stream. Immutable.</summary>
internal sealed class NameStream
{
    /// <summary>Longest name in bytes that is given in full; the kernel's own ceiling is KSYM_NAME_LEN, 512.</summary>
    public const int MaxName = 2048;

    private const int MarkerShift = 8, StepShift = 4;
    private const int MinSymbols = 64;
    private readonly TokenTable _tokens;
    private readonly byte[] _names;
    private readonly int[] _steps;   // the position of every 16th name
    private readonly bool _longNames;

    private NameStream(TokenTable tokens, byte[] names, int[] steps, int count, bool longNames)
    {
        _tokens = tokens;
        _names = names;
        _steps = steps;
        Count = count;
        _longNames = longNames;
    }

    /// <summary>Number of names.</summary>
    public int Count { get; }

    /// <summary>Whether a number can be a kernel's number of symbols.</summary>
    public static bool IsCount(uint number, VmiLimits limits) => number >= MinSymbols && number <= (uint)limits.MaxSymbols;

    /// <summary>Tries to read a stream whose number of symbols stands at <paramref name="countAt"/>. <paramref name="budget"/>
    /// is what all tries together may spend, in names. Markers are looked for where they can stand before the tokens or,
    /// if <paramref name="anywhere"/>, only where the names end: slower, as most positions then need a walk.</summary>
    public static NameStream? TryDecode(ReadOnlySpan<byte> bytes, int countAt, TokenTable tokens, int tokensStart, bool anywhere, VmiLimits limits, ref long budget)
    {
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(bytes[countAt..]);
        var places = new MarkerPlaces(bytes, tokensStart);
        if (!IsCount(count, limits) || (!anywhere && !places.Fit((int)count, -1)))
            return null;
        // The names follow at once or, where labels are aligned to 8 bytes, after four zeros.
        foreach (int gap in (ReadOnlySpan<int>)[4, 8])
        {
            int start = countAt + gap;
            if (start >= bytes.Length || (gap == 8 && BinaryPrimitives.ReadUInt32LittleEndian(bytes[(countAt + 4)..]) != 0))
                continue;
            foreach (bool longNames in (ReadOnlySpan<bool>)[true, false])
            {
                // Nothing is allocated and no more walked before some names have proven plausible: a hostile guest can offer
                // many starts.
                if (!TrySkip(bytes, start, Math.Min((int)count, 1 << MarkerShift), longNames, tokens, [], ref budget, out int second)
                    || (!anywhere && !places.Fit((int)count, second - start)))
                    continue;
                NameStream? stream = TryWalk(bytes, start, (int)count, longNames, tokens, ref budget);
                if (stream is not null)
                    return stream;
            }
        }
        return null;
    }

    /// <summary>The position of a name.</summary>
    public int PositionOf(int index)
    {
        int at = _steps[index >> StepShift];
        for (int left = index & ((1 << StepShift) - 1); left > 0; left--)
            at = Next(at);
        return at;
    }

    /// <summary>The position of the name behind the one at <paramref name="position"/>.</summary>
    public int Next(int position)
    {
        TryLength(_names, position, _longNames, out int header, out int length);
        return position + header + length;
    }

    /// <summary>The names as they lay in the guest.</summary>
    public ReadOnlySpan<byte> Bytes => _names;

    /// <summary>The tokens that the names are made of.</summary>
    public TokenTable Tokens => _tokens;

    /// <summary>The hash of the name at a position; see <see cref="NameHash"/>.</summary>
    public uint Hash(int position)
    {
        TryLength(_names, position, _longNames, out int header, out int length);
        return _tokens.Hash(_names.AsSpan(position + header, length));
    }

    /// <summary>Expands the name at a position, its type letter apart, and returns its length in bytes; a name that is too
    /// long for the buffer is cut.</summary>
    public int Expand(int position, Span<byte> buffer, out char type)
    {
        TryLength(_names, position, _longNames, out int header, out int length);
        ReadOnlySpan<byte> codes = _names.AsSpan(position + header, length);
        ReadOnlySpan<byte> first = _tokens[codes[0]];
        type = (char)first[0];
        int done = Append(first[1..], buffer, 0);
        foreach (byte code in codes[1..])
            done = Append(_tokens[code], buffer, done);
        return done;
    }

    private static int Append(ReadOnlySpan<byte> text, Span<byte> buffer, int done)
    {
        int count = Math.Min(text.Length, buffer.Length - done);
        text[..count].CopyTo(buffer[done..]);
        return done + count;
    }

    private static NameStream? TryWalk(ReadOnlySpan<byte> bytes, int start, int count, bool longNames, TokenTable tokens, ref long budget)
    {
        var steps = new int[(count + (1 << StepShift) - 1) >> StepShift];
        if (!TrySkip(bytes, start, count, longNames, tokens, steps, ref budget, out int namesEnd)
            || !TryMarkers(bytes, namesEnd, steps, count))
            return null;
        return new NameStream(tokens, bytes[start..namesEnd].ToArray(), steps, count, longNames);
    }

    /// <summary>Walks over names, noting every 16th one's position; false where something cannot be a name.</summary>
    private static bool TrySkip(ReadOnlySpan<byte> bytes, int start, int count, bool longNames, TokenTable tokens, Span<int> steps, ref long budget, out int end)
    {
        end = start;
        for (int i = 0; i < count; i++)
        {
            if (--budget < 0 || !TryLength(bytes, end, longNames, out int header, out int length) || end + header + length > bytes.Length)
                return false;
            ReadOnlySpan<byte> first = tokens[bytes[end + header]];
            if (first.IsEmpty || !IsType(first[0]))
                return false;
            if ((i & ((1 << StepShift) - 1)) == 0 && !steps.IsEmpty)
                steps[i >> StepShift] = end - start;
            end += header + length;
        }
        return true;
    }

    /// <summary>Markers of 4 bytes (since 4.20) or 8, aligned to 8 bytes or 4.</summary>
    private static bool TryMarkers(ReadOnlySpan<byte> bytes, int namesEnd, int[] steps, int count)
    {
        int markers = (count + (1 << MarkerShift) - 1) >> MarkerShift;
        foreach (int alignment in (ReadOnlySpan<int>)[8, 4])
        {
            int at = (namesEnd + alignment - 1) & -alignment;
            foreach (int width in (ReadOnlySpan<int>)[4, 8])
            {
                int end = at + markers * width;
                if (end <= bytes.Length && Agree(bytes[at..end], width, steps, markers))
                    return true;
            }
        }
        return false;
    }

    private static bool Agree(ReadOnlySpan<byte> bytes, int width, int[] steps, int markers)
    {
        for (int i = 0; i < markers; i++)
        {
            ulong marker = width == 4
                ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[(i * 4)..])
                : BinaryPrimitives.ReadUInt64LittleEndian(bytes[(i * 8)..]);
            if (marker != (ulong)steps[i << (MarkerShift - StepShift)])
                return false;
        }
        return true;
    }

    private static bool TryLength(ReadOnlySpan<byte> bytes, int at, bool longNames, out int header, out int length)
    {
        header = 1;
        length = 0;
        if (at >= bytes.Length)
            return false;
        length = bytes[at];
        if (longNames && length >= 0x80)
        {
            if (at + 1 >= bytes.Length)
                return false;
            header = 2;
            length = (length & 0x7F) | (bytes[at + 1] << 7);
        }
        return length > 0 && at + header < bytes.Length;
    }

    private static bool IsType(byte letter) => char.IsAsciiLetter((char)letter) || letter == '?';
}
