using System.Buffers;
using System.Buffers.Binary;
using VmiPl.Errors;

namespace VmiPl.Symbols.Kallsyms;

/// <summary>Finds the kernel's symbol table in its image by its content, in whatever order and form this kernel has it
/// (scripts/kallsyms.c through the years). No version is asked for: every candidate is decoded, and the one whose
/// addresses ascend, lie in the image and put <c>_text</c> at its start is taken. Stateless.</summary>
internal static class KallsymsDecoder
{
    private const int MaxHits = 64;
    private const int TokenReach = 128 * 1024;
    // How far the tables may lie from the tokens, in bytes: what every real kernel needs, then what MaxSymbols can take.
    private static readonly int[] Reaches = [8 << 20, 64 << 20];

    /// <summary>Finds and decodes the table, or gives null.</summary>
    public static KallsymsTable? Find(KernelImage image, VmiLimits limits)
    {
        KallsymsTable? table = null;
        int hits = 0;
        long budget = 8L * limits.MaxSymbols;
        image.Sweep(TokenTable.Digits.Length, (address, bytes) =>
        {
            int from = 0;
            while (table is null && hits < MaxHits)
            {
                int hit = bytes[from..].IndexOf(TokenTable.Digits);
                if (hit < 0)
                    return false;
                hits++;
                table = TryDecodeAt(image, address + (ulong)(from + hit), limits, ref budget);
                from += hit + 1;
            }
            return true;
        });
        return table;
    }

    /// <summary>Decodes the table again from a place where it, or the same kernel's, was found before; null where it is not there.</summary>
    public static KallsymsTable? TryDecode(KernelImage image, KallsymsPlace place, VmiLimits limits)
    {
        if (place.Digits - place.Start >= (ulong)place.Length || !image.Contains(place.Start))
            return null;
        byte[] block = ArrayPool<byte>.Shared.Rent(place.Length);
        try
        {
            long budget = 2L * limits.MaxSymbols;
            Span<byte> bytes = block.AsSpan(0, place.Length);
            return image.TryRead(place.Start, bytes)
                ? TryDecode(bytes, place.Start, (int)(place.Digits - place.Start), image, limits, ref budget)
                : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    /// <summary>Decodes the table whose digit tokens stand at an address, or gives null. <paramref name="budget"/> is how many
    /// names all tries together may look at.</summary>
    private static KallsymsTable? TryDecodeAt(KernelImage image, ulong digits, VmiLimits limits, ref long budget)
    {
        if (!image.TryGetRun(digits, out ulong first, out ulong end) || !HasTokens(image, digits, first, end))
            return null;
        foreach (int reach in Reaches)
        {
            ulong from = digits - first > (ulong)reach ? (digits - (ulong)reach) & ~0xFFFUL : first;
            int length = (int)Math.Min(end - from, digits - from + (ulong)reach);
            byte[] block = ArrayPool<byte>.Shared.Rent(length);
            try
            {
                int read = image.Read(from, block.AsSpan(0, length));
                if (digits - from < (ulong)read)
                {
                    KallsymsTable? table = TryDecode(block.AsSpan(0, read), from, (int)(digits - from), image, limits, ref budget);
                    if (table is not null)
                        return table;
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(block);
            }
            if (from == first && from + (ulong)length == end)
                break;
        }
        return null;
    }

    /// <summary>A look at the tokens alone, before much is read for a chance hit.</summary>
    private static bool HasTokens(KernelImage image, ulong digits, ulong first, ulong end)
    {
        ulong from = Math.Max(first, (digits - Math.Min(digits, TokenReach)) & ~0xFFFUL);
        byte[] piece = ArrayPool<byte>.Shared.Rent(2 * TokenReach);
        try
        {
            int read = image.Read(from, piece.AsSpan(0, (int)Math.Min(end - from, 2 * TokenReach)));
            return digits - from < (ulong)read && TokenTable.TryDecode(piece.AsSpan(0, read), (int)(digits - from), out _, out _) is not null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    private static KallsymsTable? TryDecode(ReadOnlySpan<byte> block, ulong origin, int digits, KernelImage image, VmiLimits limits, ref long budget)
    {
        TokenTable? tokens = TokenTable.TryDecode(block, digits, out int tokensStart, out int indexEnd);
        if (tokens is null)
            return null;
        // The names stand before the tokens in every kernel seen; behind them costs little to try.
        int before = (tokensStart - 8) & ~3, behind = (block.Length - 12) & ~3;
        return TryPositions(block, origin, before, 0, false, tokensStart, digits, indexEnd, tokens, image, limits, ref budget)
            ?? TryPositions(block, origin, before, 0, true, tokensStart, digits, indexEnd, tokens, image, limits, ref budget)
            ?? TryPositions(block, origin, indexEnd, behind, true, tokensStart, digits, indexEnd, tokens, image, limits, ref budget);
    }

    /// <summary>Tries every position from one to another, both inclusive, for the number of symbols.</summary>
    private static KallsymsTable? TryPositions(ReadOnlySpan<byte> block, ulong origin, int first, int last, bool anywhere, int tokensStart, int digits, int indexEnd, TokenTable tokens, KernelImage image, VmiLimits limits, ref long budget)
    {
        int step = first < last ? 4 : -4;
        for (int at = first; at >= 0 && at + 8 <= block.Length && budget >= 0; at += step)
        {
            if (!NameStream.IsCount(BinaryPrimitives.ReadUInt32LittleEndian(block[at..]), limits))
            {
                if (at == last)
                    return null;
                continue;
            }
            KallsymsTable? table = TryDecodeNames(block, origin, at, anywhere, tokensStart, digits, indexEnd, tokens, image, limits, ref budget);
            if (table is not null || at == last)
                return table;
        }
        return null;
    }

    private static KallsymsTable? TryDecodeNames(ReadOnlySpan<byte> block, ulong origin, int countAt, bool anywhere, int tokensStart, int digits, int indexEnd, TokenTable tokens, KernelImage image, VmiLimits limits, ref long budget)
    {
        NameStream? names = NameStream.TryDecode(block, countAt, tokens, tokensStart, anywhere, limits, ref budget);
        if (names is null)
            return null;
        ulong[]? best = null;
        AddressTable chosen = default;
        int bestScore = 0;
        var trial = new ulong[names.Count];
        TextSymbols text = TextSymbols.Find(names);
        foreach (AddressTable candidate in AddressTable.Candidates(names.Count, countAt, indexEnd, image.PointerSize))
        {
            if (!candidate.TryDecode(block, origin, image.PointerSize, trial))
                continue;
            int score = text.Score(trial, image);
            if (score <= bestScore)
                continue;
            bestScore = score;
            chosen = candidate;
            (best, trial) = (trial, best ?? new ulong[names.Count]);
        }
        if (best is null)
            return null;
        (int first, int end) = chosen.Extent(names.Count, image.PointerSize);
        // From a multiple of 8, as labels are aligned; with a few bytes behind for their padding.
        first = Math.Min(first, countAt) & ~7;
        end = Math.Min(Math.Max(end, indexEnd) + 16, block.Length);
        return new KallsymsTable(names, best)
        {
            Place = new KallsymsPlace(origin + (ulong)first, end - first, origin + (ulong)digits),
        };
    }
}
