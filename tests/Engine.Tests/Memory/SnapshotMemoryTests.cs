using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Memory;

public sealed class SnapshotMemoryTests
{
    [Fact]
    public void Mapped_memory_is_passed_through()
    {
        byte[] bytes = new byte[8192];
        var snapshot = new SnapshotMemory(new ArrayMemory(bytes));
        Assert.False(snapshot.KeepsCopies);
        Assert.True(snapshot.IsMapped);
        Assert.True(snapshot.TryGetSpan(At(4090), 100, out ReadOnlySpan<byte> view));
        bytes[4090] = 7;
        Assert.Equal(7, view[0]);
        Assert.Equal(7, One(snapshot, 4090));
    }

    [Fact]
    public void A_page_is_asked_for_once_and_stays_as_it_was_until_reset()
    {
        byte[] bytes = new byte[0x10000];
        var source = new CountingMemory(new ArrayMemory(bytes));
        var snapshot = new SnapshotMemory(source);
        Assert.Equal(0, One(snapshot, 0x2345));
        bytes[0x2345] = 1;
        Assert.Equal(0, One(snapshot, 0x2345));
        Assert.True(snapshot.TryGetSpan(At(0x2FF0), 16, out ReadOnlySpan<byte> view));
        Assert.Equal(16, view.Length);
        Assert.Equal(1, source.Reads);
        snapshot.Reset();
        Assert.Equal(1, One(snapshot, 0x2345));
    }

    [Fact]
    public void Reads_cross_pages_and_end_with_the_memory()
    {
        byte[] bytes = new byte[0x3800];
        new Random(2).NextBytes(bytes);
        var snapshot = new SnapshotMemory(new CountingMemory(new ArrayMemory(bytes)));
        byte[] buffer = new byte[0x4000];
        Assert.Equal(0x3800 - 0x123, snapshot.Read(At(0x123), buffer));
        Assert.Equal(bytes[0x123..], buffer[..(0x3800 - 0x123)]);
        Assert.Equal(0, snapshot.Read(At(0x3800), buffer));
        Assert.Equal(0, snapshot.Read(At(ulong.MaxValue - 3), buffer));
        Assert.False(snapshot.TryGetSpan(At(0x3000), 16, out _));
        Assert.False(snapshot.TryGetSpan(At(0x1FF8), 16, out _));
        Assert.False(snapshot.TryGetSpan(At(0x1008), int.MaxValue, out _));
        Assert.False(snapshot.TryGetSpan(At(0x1008), -1, out _));
    }

    [Fact]
    public void Nothing_wraps_at_the_top_of_physical_memory()
    {
        var everywhere = new EndlessMemory();
        var snapshot = new SnapshotMemory(everywhere);
        Assert.Equal(16, snapshot.Read(At(ulong.MaxValue - 15), new byte[64]));
        Assert.Equal(16, snapshot.Write(At(ulong.MaxValue - 15), new byte[16]));
    }

    [Fact]
    public void Wanted_pages_come_in_batches_once_each()
    {
        byte[] bytes = new byte[0x40_0000];
        new Random(4).NextBytes(bytes);
        var source = new CountingMemory(new ArrayMemory(bytes));
        var snapshot = new SnapshotMemory(source);
        for (int i = 0; i < 200; i++)
        {
            snapshot.Want(At((ulong)i * 8192 + 5));
            snapshot.Want(At((ulong)i * 8192 + 500));
        }
        snapshot.FetchWanted();
        Assert.Equal((4, 200, 0), (source.Batches, source.Requests, source.Reads));
        for (int i = 0; i < 200; i++)
            Assert.Equal(bytes[i * 8192 + 7], One(snapshot, (ulong)i * 8192 + 7));
        Assert.Equal(0, source.Reads);
        snapshot.Want(At(5));
        snapshot.FetchWanted();
        Assert.Equal(4, source.Batches);
    }

    [Fact]
    public void Unreadable_pages_are_remembered_too()
    {
        var source = new CountingMemory(new ArrayMemory(new byte[0x2000]));
        var snapshot = new SnapshotMemory(source);
        snapshot.Want(At(0x5000));
        snapshot.Want(At(0x1000));
        snapshot.FetchWanted();
        Assert.Equal(2, source.Requests);
        Assert.False(snapshot.TryGetSpan(At(0x5000), 8, out _));
        snapshot.Want(At(0x5000));
        snapshot.FetchWanted();
        Assert.Equal((1, 0), (source.Batches, source.Reads));
    }

    [Theory]
    [InlineData(64)]
    [InlineData(100)]
    [InlineData(1)]
    public void Copies_stay_right_when_they_are_dropped_while_a_batch_is_gathered(int maxPages)
    {
        byte[] bytes = new byte[0x20_0000];
        var random = new Random(6);
        random.NextBytes(bytes);
        var source = new CountingMemory(new ArrayMemory(bytes));
        var snapshot = new SnapshotMemory(source, maxPages);
        for (int round = 0; round < 300; round++)
        {
            int wanted = random.Next(200);
            for (int i = 0; i < wanted; i++)
            {
                snapshot.Want(At((ulong)random.Next(0x22_0000)));
                if (i % 7 == 0)
                    AssertByte(random.Next(bytes.Length));
            }
            snapshot.FetchWanted();
            for (int i = 0; i < 50; i++)
                AssertByte(random.Next(bytes.Length));
        }

        void AssertByte(int at) => Assert.Equal(bytes[at], One(snapshot, (ulong)at));
    }

    [Fact]
    public void What_is_kept_is_bounded_whatever_is_asked_for()
    {
        var everywhere = new EndlessMemory();
        var snapshot = new SnapshotMemory(everywhere, 128);
        for (ulong i = 0; i < 200_000; i++)
            snapshot.Want(At(i << 12));
        AssertBounded();
        snapshot.FetchWanted();
        Assert.InRange(everywhere.Calls, 1, 200);
        for (ulong i = 0; i < 200_000; i++)
        {
            everywhere.Readable = i % 3 == 0;
            snapshot.Read(At(i << 12), new byte[1]);
            if (i % 1000 == 0)
                snapshot.Want(At(i << 32));
            if (i % 10_000 == 0)
                snapshot.FetchWanted();
            AssertBounded();
        }

        void AssertBounded()
        {
            Assert.InRange(snapshot.KnownPages, 1, 3 * 128 + 64);
            Assert.InRange(snapshot.BufferBytes, 0, (128 + 64) * 4096);
        }
    }

    [Fact]
    public void A_write_goes_through_and_its_pages_are_read_anew()
    {
        byte[] bytes = new byte[0x4000];
        var snapshot = new SnapshotMemory(new CountingMemory(new ArrayMemory(bytes)));
        Assert.Equal(0, One(snapshot, 0x0FFF) + One(snapshot, 0x1000));
        Assert.Equal(2, snapshot.Write(At(0x0FFF), [1, 2]));
        Assert.Equal((1, 2), (One(snapshot, 0x0FFF), One(snapshot, 0x1000)));
        Assert.Equal((1, 2), (bytes[0x0FFF], bytes[0x1000]));
    }

    [Fact]
    public void A_batch_that_fails_leaves_no_false_answers()
    {
        byte[] bytes = new byte[0x4000];
        bytes[0x1000] = 9;
        var source = new CountingMemory(new ArrayMemory(bytes)) { Before = () => throw new VmiException(VmiErrorCode.MachineLost, "gone") };
        var snapshot = new SnapshotMemory(source);
        snapshot.Want(At(0x1000));
        Assert.Throws<VmiException>(snapshot.FetchWanted);
        Assert.Throws<VmiException>(() => One(snapshot, 0x1000));
        source.Before = null;
        Assert.Equal(9, One(snapshot, 0x1000));
        Assert.True(snapshot.TryGetSpan(At(0x1000), 1, out _));
    }

    [Fact]
    public void Prefetch_brings_the_pages_of_many_objects_in_one_batch()
    {
        byte[] bytes = new byte[0x80000];
        var tables = new PageTableBuilder(bytes, PagingMode.FourLevel, 0x1000);
        tables.MapRun(0x40_0000, 0x20000, 0x20000);
        tables.Map(0xFFFF_FFFF_FFFF_F000, 0x50000);
        var source = new CountingMemory(new ArrayMemory(bytes));
        AddressSpace space = tables.Space(new SnapshotMemory(source));
        GuestVirtualAddress[] wanted = [.. Enumerable.Range(0, 20).Select(i => new GuestVirtualAddress(0x40_0FF8UL + (ulong)i * 0x1000)), new(0xDEAD_0000), new(0xFFFF_FFFF_FFFF_FF00)];
        space.Prefetch(wanted, 0x400);
        Assert.Equal((1, 22), (source.Batches, source.Requests));
        int reads = source.Reads;
        foreach (GuestVirtualAddress address in wanted[..20])
            Assert.True(space.TryRead(address, new byte[0x400]));
        Assert.Equal(256, space.Read(wanted[^1], new byte[0x400]));
        Assert.Equal(reads, source.Reads);
    }

    private static byte One(SnapshotMemory memory, ulong address)
    {
        Span<byte> one = stackalloc byte[1];
        Assert.Equal(1, memory.Read(At(address), one));
        return one[0];
    }

    private static GuestPhysicalAddress At(ulong value) => new(value);

    /// <summary>Memory with no end.</summary>
    private sealed class EndlessMemory : IGuestMemory
    {
        public bool Readable { get; set; } = true;

        public int Calls { get; private set; }

        public IReadOnlyList<PhysicalRange> Ranges => [new(new GuestPhysicalAddress(0), ulong.MaxValue)];

        public MemoryAccess Access => MemoryAccess.ProcessVm;

        public int Read(GuestPhysicalAddress address, Span<byte> buffer)
        {
            Calls++;
            return Readable ? buffer.Length : 0;
        }

        public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes) => bytes.Length;
    }
}
