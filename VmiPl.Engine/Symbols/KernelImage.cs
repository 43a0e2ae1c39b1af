using System.Buffers;
using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>The memory of one kernel image, read by the runs of physical memory that its page tables give rather than page by
/// page. Belongs to one operation; not thread-safe.</summary>
internal sealed class KernelImage
{
    private const int PieceBytes = 2 * 1024 * 1024;
    private readonly IGuestMemory _memory;
    private readonly List<VirtualRange> _ranges = [];   // ascending, cut to the image

    private KernelImage(IGuestMemory memory, PagingMode mode, ulong start, ulong length)
    {
        _memory = memory;
        Mode = mode;
        Start = start;
        Length = length;
    }

    /// <summary>Looks at <paramref name="address"/>, the start of <paramref name="bytes"/>; returns true to end the sweep.</summary>
    public delegate bool PieceVisitor(ulong address, ReadOnlySpan<byte> bytes);

    public PagingMode Mode { get; }
    public ulong Start { get; }
    public ulong Length { get; }
    public ulong End => Start + Length;
    public int PointerSize => Mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4;
    public IReadOnlyList<VirtualRange> Ranges => _ranges;

    /// <summary>Whether an address lies between the image's first and last mapped byte.</summary>
    public bool Contains(ulong address) => address - Start < Length;

    /// <summary>Opens the image of a location. The ranges are as the page tables give them now.</summary>
    public static KernelImage Open(IGuestMemory memory, KernelLocation location, VmiLimits limits)
    {
        ulong length = Math.Min(location.ImageLength, (ulong)limits.MaxKernelImageBytes);
        var image = new KernelImage(memory, location.Mode, location.ImageStart.Value, length);
        if (length > 0)
        {
            foreach (VirtualRange range in PageTableWalker.Ranges(memory, location.Mode, location.Root, location.ImageStart, location.ImageStart + (length - 1), limits))
                image._ranges.Add(range);
        }
        return image;
    }

    /// <summary>Reads from an address on, up to the first byte that is not mapped or not backed.</summary>
    public int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        for (int i = RangeOf(address); i >= 0 && i < _ranges.Count && done < buffer.Length; i++)
        {
            VirtualRange range = _ranges[i];
            ulong inRange = address + (ulong)done - range.Start.Value;
            if (inRange >= range.Length)
                break;
            int piece = (int)Math.Min(range.Length - inRange, (ulong)(buffer.Length - done));
            int got = _memory.Read(range.Physical + inRange, buffer.Slice(done, piece));
            done += got;
            if (got < piece)
                break;
        }
        return done;
    }

    /// <summary>Whether a whole buffer could be read.</summary>
    public bool TryRead(ulong address, Span<byte> buffer) => Read(address, buffer) == buffer.Length;

    /// <summary>The run of consecutively mapped addresses around an address, as first address and first one behind; false
    /// where it is not mapped.</summary>
    public bool TryGetRun(ulong address, out ulong first, out ulong end)
    {
        int at = RangeOf(address);
        first = end = 0;
        if (at < 0 || address - _ranges[at].Start.Value >= _ranges[at].Length)
            return false;
        int low = at, high = at;
        while (low > 0 && _ranges[low - 1].End == _ranges[low].Start)
            low--;
        while (high + 1 < _ranges.Count && _ranges[high].End == _ranges[high + 1].Start)
            high++;
        first = _ranges[low].Start.Value;
        end = _ranges[high].End.Value;
        return true;
    }

    /// <summary>Visits all mapped bytes once: first what can be neither written nor executed, where the kernel keeps its
    /// tables, then the rest. Pieces of one range overlap by <paramref name="overlap"/> bytes, so that a pattern no longer
    /// than that is never cut; ranges of one run that differ in their rights are not joined.</summary>
    public void Sweep(int overlap, PieceVisitor visit)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            foreach (bool tables in (ReadOnlySpan<bool>)[true, false])
            {
                foreach (VirtualRange range in _ranges)
                {
                    if (IsTables(range) == tables && SweepRange(range, overlap, buffer, visit))
                        return;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private bool SweepRange(in VirtualRange range, int overlap, byte[] buffer, PieceVisitor visit)
    {
        for (ulong at = 0; at < range.Length;)
        {
            int piece = (int)Math.Min(range.Length - at, PieceBytes);
            GuestPhysicalAddress physical = range.Physical + at;
            if (!_memory.TryGetSpan(physical, piece, out ReadOnlySpan<byte> bytes))
                bytes = buffer.AsSpan(0, _memory.Read(physical, buffer.AsSpan(0, piece)));
            if (visit(range.Start.Value + at, bytes))
                return true;
            if (bytes.Length < piece || at + (ulong)piece >= range.Length)
                return false;
            at += (ulong)(piece - overlap);
        }
        return false;
    }

    /// <summary>64-bit kernels map their read-only data neither writable nor executable; legacy 32-bit tables have no
    /// execute bit, so that there "not writable" must do.</summary>
    private bool IsTables(in VirtualRange range) => !range.Writable && (!range.Executable || PointerSize == 4);

    /// <summary>The index of the last range that starts at or below an address; −1 where there is none.</summary>
    private int RangeOf(ulong address)
    {
        int low = 0, high = _ranges.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_ranges[middle].Start.Value <= address)
                low = middle + 1;
            else
                high = middle;
        }
        return low - 1;
    }
}
