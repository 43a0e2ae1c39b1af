using System.Buffers;

namespace VmiPl.Memory;

/// <summary>One pass over all physical memory in ascending order, holes left out. Stateless.</summary>
internal static class PhysicalSweep
{
    /// <summary>Bytes of one piece at most; a multiple of a page.</summary>
    public const int PieceBytes = 2 * 1024 * 1024;

    private const ulong Page = 4096;

    /// <summary>Looks at a piece; it begins at a page's first byte unless its range does not.</summary>
    public delegate void PieceVisitor(GuestPhysicalAddress start, ReadOnlySpan<byte> bytes);

    /// <summary>Visits what can be read of all ranges; what lies in a range behind an unreadable page is visited too, from the next
    /// piece on.</summary>
    public static void Run(IGuestMemory memory, PieceVisitor visit)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            foreach (PhysicalRange range in memory.Ranges)
            {
                for (ulong at = 0; at < range.Length;)
                {
                    at = Math.Max(at, (memory.SkipHole(range.Start + at).Value - range.Start.Value) & ~(Page - 1));
                    if (at >= range.Length)
                        break;
                    GuestPhysicalAddress start = range.Start + at;
                    int piece = (int)Math.Min(range.Length - at, PieceBytes);
                    if (!memory.TryGetSpan(start, piece, out ReadOnlySpan<byte> bytes))
                        bytes = buffer.AsSpan(0, memory.Read(start, buffer.AsSpan(0, piece)));
                    visit(start, bytes);
                    at += (ulong)piece;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Looks at one whole page.</summary>
    public delegate void PageVisitor(GuestPhysicalAddress address, ReadOnlySpan<byte> page);

    /// <summary>As <see cref="Run"/>, page by page.</summary>
    public static void Pages(IGuestMemory memory, PageVisitor visit) => Run(memory, (start, bytes) =>
    {
        for (int page = 0; page + (int)Page <= bytes.Length; page += (int)Page)
            visit(start + (ulong)page, bytes.Slice(page, (int)Page));
    });
}
