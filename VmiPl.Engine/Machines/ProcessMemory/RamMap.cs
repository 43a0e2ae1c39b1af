using VmiPl.Memory;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>A run of guest RAM: where the guest sees it and where it lies in QEMU's address space. Lengths in bytes.</summary>
internal readonly record struct RamSegment(ulong Start, ulong Length, ulong Host);

/// <summary>Where the guest's RAM lies in QEMU's address space. Immutable; segments are in ascending order, do not overlap, and
/// neighbours that go on in both spaces are one.</summary>
internal sealed class RamMap
{
    private const int MaxSegments = 4096;
    private readonly RamSegment[] _segments;

    /// <summary>Makes a map of segments in any order. Empty, wrapping and overlapping ones (QEMU's word is not proof) are left
    /// out, and so are those beyond the 4096th.</summary>
    public RamMap(IEnumerable<RamSegment> segments)
    {
        var pieces = new List<RamSegment>();
        var kept = new List<RamSegment>();
        foreach (RamSegment next in segments.Where(s => s.Length > 0 && s.Start + (s.Length - 1) >= s.Start && s.Host + (s.Length - 1) >= s.Host)
            .Take(MaxSegments).OrderBy(s => s.Start))
        {
            if (kept.Count > 0 && next.Start - kept[^1].Start < kept[^1].Length)
                continue;
            pieces.Add(next);
            if (kept.Count > 0 && kept[^1].Start + kept[^1].Length == next.Start && kept[^1].Host + kept[^1].Length == next.Host)
                kept[^1] = kept[^1] with { Length = kept[^1].Length + next.Length };
            else
                kept.Add(next);
        }
        _segments = [.. kept];
        Pieces = pieces;
        Ranges = [.. kept.Select(s => new PhysicalRange(new GuestPhysicalAddress(s.Start), s.Length))];
    }

    /// <summary>The segments.</summary>
    public IReadOnlyList<RamSegment> Segments => _segments;

    /// <summary>The segments as they were given, neighbours apart: QEMU's own pieces, which are KVM's slots.</summary>
    public IReadOnlyList<RamSegment> Pieces { get; }

    /// <summary>What the guest sees.</summary>
    public IReadOnlyList<PhysicalRange> Ranges { get; }

    /// <summary>Finds an address: where it lies in QEMU and how many bytes of its segment are left from there on.</summary>
    public bool TryFind(ulong address, out ulong host, out ulong left)
    {
        foreach (ref readonly RamSegment segment in _segments.AsSpan())
        {
            ulong offset = address - segment.Start;
            if (offset < segment.Length)
            {
                host = segment.Host + offset;
                left = segment.Length - offset;
                return true;
            }
        }
        host = 0;
        left = 0;
        return false;
    }
}
