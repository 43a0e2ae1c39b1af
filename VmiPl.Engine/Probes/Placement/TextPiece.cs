using VmiPl.Memory;

namespace VmiPl.Probes.Placement;

/// <summary>A run of code as it lay in the guest, without a gap.</summary>
internal sealed record TextPiece(ulong Start, byte[] Bytes)
{
    private const int PageSize = 4096;

    public ulong End => Start + (ulong)Bytes.Length;

    /// <summary>Reads <paramref name="length"/> bytes in as few reads as their pages allow; pages that are not mapped or not backed part the
    /// pieces. The range must not wrap.</summary>
    public static IEnumerable<TextPiece> Read(AddressSpace space, ulong start, int length)
    {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length;)
        {
            int got = space.Read(new GuestVirtualAddress(start + (ulong)at), bytes.AsSpan(at));
            if (got == length)
                yield return new TextPiece(start, bytes);
            else if (got > 0)
                yield return new TextPiece(start + (ulong)at, bytes[at..(at + got)]);
            at += got;
            // On to the next page's start.
            if (at < length)
                at += PageSize - (int)((start + (ulong)at) & (PageSize - 1));
        }
    }
}
