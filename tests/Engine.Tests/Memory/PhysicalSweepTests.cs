using VmiPl.Memory;

namespace VmiPl.Tests.Memory;

public sealed class PhysicalSweepTests
{
    [Fact]
    public void Holes_are_not_read_and_everything_else_is()
    {
        var memory = new Sparse();
        var seen = new List<ulong>();
        PhysicalSweep.Pages(memory, (address, page) =>
        {
            if (page.ContainsAnyExcept((byte)0))
                seen.Add(address.Value);
        });
        Assert.Equal(Sparse.Written, seen);
        Assert.All(memory.ReadFrom, address => Assert.Contains(Sparse.Data, run => address >= run.Start && address < run.End));
    }

    /// <summary>Two ranges of 64 MiB with few pages in them.</summary>
    private sealed class Sparse : IGuestMemory
    {
        private const ulong Length = 64 << 20, SecondRange = 1UL << 32;

        public static readonly (ulong Start, ulong End)[] Data = [(0x1000, 0x4000), (0x2FFF000, 0x3000000), (SecondRange + 0x10_0000, SecondRange + 0x70_0000)];

        public static readonly ulong[] Written = [0x1000, 0x3000, 0x2FFF000, SecondRange + 0x10_0000, SecondRange + 0x6F_F000];

        public List<ulong> ReadFrom { get; } = [];

        public IReadOnlyList<PhysicalRange> Ranges { get; } =
            [new(new GuestPhysicalAddress(0), Length), new(new GuestPhysicalAddress(SecondRange), Length)];

        public MemoryAccess Access => MemoryAccess.ProcessVm;

        public GuestPhysicalAddress SkipHole(GuestPhysicalAddress address)
        {
            ulong end = address.Value < Length ? Length : SecondRange + Length;
            foreach ((ulong start, ulong behind) in Data)
            {
                if (address.Value < behind && start < end)
                    return new GuestPhysicalAddress(Math.Max(start, address.Value));
            }
            return new GuestPhysicalAddress(end);
        }

        public int Read(GuestPhysicalAddress address, Span<byte> buffer)
        {
            ReadFrom.Add(address.Value);
            buffer.Clear();
            foreach (ulong page in Written)
            {
                if (page >= address.Value && page < address.Value + (ulong)buffer.Length)
                    buffer[(int)(page - address.Value)] = 1;
            }
            return buffer.Length;
        }
    }
}
