using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Symbols.Inference;

/// <summary>Goes over the kernel image once, piece by piece.</summary>
internal static class ImageScan
{
    /// <summary>Bytes that a piece shows of the next one, so that nothing is cut at a seam.</summary>
    public const int Overlap = 64;

    private const int Step = 1 << 20;

    /// <summary>One look at a piece: its address, its bytes (the last <see cref="Overlap"/> ones, where they exist, come again
    /// with the next piece) and whether the kernel may write there.</summary>
    public delegate void Look(ulong address, ReadOnlySpan<byte> bytes, bool writable);

    /// <summary>Shows every mapped piece of the image in ascending order. Each begins at a page.</summary>
    public static void Run(AddressSpace space, KernelLocation location, VmiLimits limits, Look look)
    {
        ulong length = Math.Min(location.ImageLength, (ulong)limits.MaxKernelImageBytes);
        if (length == 0)
            return;
        byte[] buffer = new byte[Step + Overlap];
        GuestVirtualAddress last = location.ImageStart + (length - 1);
        if (last.Value < location.ImageStart.Value)
            return;
        foreach (VirtualRange range in space.Ranges(location.ImageStart, last, limits))
        {
            for (ulong done = 0; done < range.Length; done += Step)
            {
                int want = (int)Math.Min((ulong)buffer.Length, range.Length - done);
                int got = space.Memory.Read(range.Physical + done, buffer.AsSpan(0, want));
                if (got > 0)
                    look(range.Start.Value + done, buffer.AsSpan(0, got), range.Writable);
            }
        }
    }
}
