using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Machines.Dump;

/// <summary>Guest-physical memory in a dump file: a sorted list of segments, found by binary search and read by position.
/// Read-only. Owns the file.</summary>
public abstract class DumpMemory : IGuestMemory, IDisposable
{
    private readonly DumpInput _file;
    private readonly DumpSegment[] _segments;

    private protected DumpMemory(DumpInput file, List<DumpSegment> segments)
    {
        _file = file;
        _segments = Arrange(segments);
        if (_segments.Length == 0)
            throw file.Invalid("it holds no memory");
        var ranges = new List<PhysicalRange>(_segments.Length);
        foreach (DumpSegment segment in _segments)
        {
            if (ranges.Count > 0 && ranges[^1].End.Value == segment.Physical)
                ranges[^1] = ranges[^1] with { Length = ranges[^1].Length + segment.Length };
            else
                ranges.Add(new PhysicalRange(new GuestPhysicalAddress(segment.Physical), segment.Length));
        }
        Ranges = ranges;
    }

    /// <inheritdoc/>
    public IReadOnlyList<PhysicalRange> Ranges { get; }

    /// <inheritdoc/>
    public MemoryAccess Access => MemoryAccess.Dump;

    /// <summary>The registers of each vCPU that the dump holds; empty where it holds none.</summary>
    public virtual IReadOnlyList<VcpuRegisters> Registers => [];

    /// <summary>The emulated architecture as QEMU calls it; empty where the dump does not tell.</summary>
    public virtual string Architecture => "";

    /// <summary>Reads from the file. Throws <c>FileFailure</c> where the disk fails, <c>MachineLost</c> after disposal.</summary>
    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        int done = 0;
        ulong at = address.Value;
        for (int i = Find(at); i < _segments.Length && done < buffer.Length; i++)
        {
            ref readonly DumpSegment segment = ref _segments[i];
            if (at < segment.Physical || at > segment.Last)
                break;
            ulong inside = at - segment.Physical;
            int piece = (int)Math.Min((ulong)(buffer.Length - done), segment.Length - inside);
            int got = _file.Read(segment.FileOffset + (long)inside, buffer.Slice(done, piece));
            done += got;
            // The top of physical memory is an end as well.
            if (got < piece || segment.Last == ulong.MaxValue)
                break;
            at += (ulong)got;
        }
        return done;
    }

    /// <summary>Closes the file; reads after that throw <c>MachineLost</c>.</summary>
    public void Dispose()
    {
        _file.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Index of the first segment that ends at or behind an address.</summary>
    private int Find(ulong address)
    {
        int low = 0, high = _segments.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_segments[middle].Last < address)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    /// <summary>Sorts by address, takes away what overlaps (the first and longest keeps its bytes) and joins neighbours.</summary>
    private static DumpSegment[] Arrange(List<DumpSegment> segments)
    {
        segments.RemoveAll(s => s.Length == 0);
        segments.Sort((a, b) => a.Physical != b.Physical ? a.Physical.CompareTo(b.Physical) : b.Length.CompareTo(a.Length));
        var arranged = new List<DumpSegment>(segments.Count);
        foreach (DumpSegment each in segments)
        {
            DumpSegment segment = each;
            if (arranged.Count > 0)
            {
                DumpSegment before = arranged[^1];
                if (segment.Last <= before.Last)
                    continue;
                if (segment.Physical <= before.Last)
                    segment = segment.Skip(before.Last - segment.Physical + 1);
                if (before.Last + 1 == segment.Physical && before.FileOffset + (long)before.Length == segment.FileOffset)
                {
                    arranged[^1] = before with { Length = before.Length + segment.Length };
                    continue;
                }
            }
            arranged.Add(segment);
        }
        return [.. arranged];
    }
}
