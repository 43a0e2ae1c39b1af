using VmiPl.Memory;

namespace VmiPl.Tests.Synthetic;

/// <summary>Memory in several runs, each with its bytes; the pages at <c>holes</c> cannot be read.</summary>
internal sealed class HoledMemory(IEnumerable<(ulong Start, byte[] Content)> runs, params ulong[] holes) : IGuestMemory
{
    private readonly List<(ulong Start, byte[] Content)> _runs = [.. runs];

    /// <summary>Called before each read with its address.</summary>
    public Action<ulong>? Before { get; set; }

    public IReadOnlyList<PhysicalRange> Ranges => [.. _runs.Select(r => new PhysicalRange(new GuestPhysicalAddress(r.Start), (ulong)r.Content.Length))];

    public MemoryAccess Access => MemoryAccess.ProcessVm;

    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        Before?.Invoke(address.Value);
        foreach ((ulong start, byte[] content) in _runs)
        {
            if (address.Value < start || address.Value >= start + (ulong)content.Length)
                continue;
            ulong end = start + (ulong)content.Length;
            foreach (ulong hole in holes)
            {
                if (address.Value < hole + 4096 && end > hole)
                    end = Math.Min(end, Math.Max(hole, address.Value));
            }
            int count = (int)Math.Min(end - address.Value, (ulong)buffer.Length);
            content.AsSpan((int)(address.Value - start), count).CopyTo(buffer);
            return count;
        }
        return 0;
    }
}
