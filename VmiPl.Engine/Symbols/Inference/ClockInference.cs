using System.Buffers.Binary;

namespace VmiPl.Symbols.Inference;

/// <summary>The kernel's clock: <c>timekeeper.offs_real</c> and <c>offs_boot</c>, and <c>tk_core</c>, which holds it.
/// <para><c>wall_to_monotonic</c> is seconds and nanoseconds whose negative is exactly <c>offs_real</c>, which follows it at
/// once; then <c>offs_boot</c> and <c>offs_tai</c> (<c>offs_real</c> and whole seconds). The structure begins with a pointer to the clock source.</para></summary>
internal static class ClockInference
{
    // 2001 and 2198, in nanoseconds since 1970: what a guest's clock may read.
    private const ulong Earliest = 1_000_000_000_000_000_000, Latest = 7_200_000_000_000_000_000;

    /// <summary>Upper 32 bits of that time at the earliest and at the latest.</summary>
    public const uint EarliestHigh = (uint)(Earliest >> 32), LatestHigh = (uint)(Latest >> 32);

    private const long Second = 1_000_000_000;
    private const long Century = 100L * 365 * 86_400 * Second;
    private const int Before = 256, CacheLine = 64;

    public static void Infer(KernelReader reader, IEnumerable<ulong> places, LayoutBuilder layout)
    {
        (ulong Start, int OffsReal)? found = null;
        byte[] body = new byte[Before + 24];
        foreach (ulong place in places)
        {
            if (reader.Read(place - Before, body) != body.Length || FindStart(reader, body) is not { } back)
                continue;
            ulong start = place - (ulong)back;
            // The copy that updates are prepared in begins at a cache line; the one that is read stands behind its sequence count.
            if (start % CacheLine == 0 || start % CacheLine > 16)
                continue;
            if (found is not null)
                return;
            found = (start, back);
        }
        if (found is not { } clock)
            return;
        ulong core = clock.Start & ~(ulong)(CacheLine - 1);
        layout.Symbol("tk_core", core);
        // The anonymous structure has this name since 6.13.
        layout.Offset("tk_data.timekeeper", (int)(clock.Start - core));
        layout.Offset("timekeeper.offs_real", clock.OffsReal);
        layout.Offset("timekeeper.offs_boot", clock.OffsReal + 8);
    }

    /// <summary>Whether at <paramref name="at"/> stands <c>offs_real</c>, with its kin before and behind it.</summary>
    public static bool IsOffset(ReadOnlySpan<byte> bytes, int at, int pointerSize)
    {
        if (at < 8 + pointerSize || at + 24 > bytes.Length)
            return false;
        long real = Int64(bytes, at);
        if ((ulong)real - Earliest > Latest - Earliest)
            return false;
        long seconds = Int64(bytes, at - 8 - pointerSize);
        long nanoseconds = pointerSize == 8 ? Int64(bytes, at - 8) : BinaryPrimitives.ReadInt32LittleEndian(bytes[(at - 4)..]);
        if (nanoseconds is < 0 or >= Second || seconds is >= 0 or < -((long)Latest / Second) || -(seconds * Second + nanoseconds) != real)
            return false;
        long boot = Int64(bytes, at + 8), ahead = unchecked(Int64(bytes, at + 16) - real);
        return boot is >= 0 and < Century && ahead % Second == 0 && ahead is > -1000 * Second and < 1000 * Second;
    }

    // tkr_mono { clocksource *clock; u64 mask; u64 cycle_last; … }: the furthest clock before, so the structure's first member.
    private static int? FindStart(KernelReader reader, byte[] body)
    {
        int size = reader.PointerSize;
        for (int at = Before % size; at + 16 + size <= Before; at += size)
        {
            ulong clock = reader.PointerAt(body, at);
            ulong mask = BinaryPrimitives.ReadUInt64LittleEndian(body.AsSpan(at + size));
            if (mask > 0xFFFF && (mask & (mask + 1)) == 0 && reader.IsPointer(clock))
                return Before - at;
        }
        return null;
    }

    private static long Int64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);
}
