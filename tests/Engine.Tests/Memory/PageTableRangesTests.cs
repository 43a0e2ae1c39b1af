using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Memory;

public sealed class PageTableRangesTests
{
    [Theory]
    [InlineData(PagingMode.Legacy32)]
    [InlineData(PagingMode.Pae)]
    [InlineData(PagingMode.FourLevel)]
    [InlineData(PagingMode.FiveLevel)]
    public void Neighbours_are_joined_and_edges_kept(PagingMode mode)
    {
        var tables = new PageTableBuilder(new byte[0x20000], mode, 0x1000);
        tables.MapRun(0x40_0000, 0x10_0000, 3 * 4096);
        tables.Map(0x40_3000, 0x10_3000, rights: PageRights.User);          // other rights
        tables.Map(0x40_4000, 0x20_0000, rights: PageRights.User);          // other frame
        ulong top = PageTableWalkerTests.Canonical(mode, ulong.MaxValue) & ~0xFFFUL;
        tables.Map(top, 0x30_0000);
        VirtualRange[] ranges = [.. tables.Space().Ranges(new GuestVirtualAddress(0), new GuestVirtualAddress(ulong.MaxValue))];
        Assert.Equal(
            [
                Range(0x40_0000, 3 * 4096, 0x10_0000, true),
                Range(0x40_3000, 4096, 0x10_3000, false),
                Range(0x40_4000, 4096, 0x20_0000, false),
                Range(top, 4096, 0x30_0000, true),
            ],
            ranges);
    }

    [Fact]
    public void A_range_inside_a_large_page_is_cut_to_pages()
    {
        var tables = new PageTableBuilder(new byte[0x20000], PagingMode.FourLevel, 0x1000);
        tables.Map(0x4000_0000, 0x1_4000_0000, 1 << 30);
        VirtualRange range = Assert.Single(tables.Space().Ranges(new GuestVirtualAddress(0x4123_4567), new GuestVirtualAddress(0x4123_5000)));
        Assert.Equal(Range(0x4123_4000, 0x2000, 0x1_4123_4000, true), range);
    }

    [Fact]
    public void An_empty_or_reversed_range_holds_nothing()
    {
        var tables = new PageTableBuilder(new byte[0x20000], PagingMode.FourLevel, 0x1000);
        tables.Map(0x40_0000, 0x1000);
        Assert.Empty(tables.Space().Ranges(new GuestVirtualAddress(0x40_1000), new GuestVirtualAddress(0x40_0000)));
        Assert.Empty(tables.Space().Ranges(new GuestVirtualAddress(0x40_1000), new GuestVirtualAddress(0x50_0000)));
    }

    [Fact]
    public void Without_paging_the_32_bit_space_is_one_range()
    {
        var space = new AddressSpace(new ArrayMemory(new byte[4096]), PagingMode.None, default);
        Assert.Equal(Range(0, 1UL << 32, 0, true), Assert.Single(space.Ranges(default, new GuestVirtualAddress(ulong.MaxValue))));
        Assert.Empty(space.Ranges(new GuestVirtualAddress(1UL << 32), new GuestVirtualAddress(ulong.MaxValue)));
    }

    [Theory]
    [InlineData(PagingMode.FourLevel)]
    [InlineData(PagingMode.FiveLevel)]
    public void Tables_that_refer_to_themselves_end_at_the_limit(PagingMode mode)
    {
        byte[] memory = new byte[0x2000];
        for (int i = 0; i < 512; i++)
            BitConverter.TryWriteBytes(memory.AsSpan(0x1000 + i * 8), 0x1000UL | 7 | (i % 2 == 0 ? 0 : 1UL << 63));
        var space = new AddressSpace(new ArrayMemory(memory), mode, new GuestPhysicalAddress(0x1000));
        Assert.True(space.TryTranslate(new GuestVirtualAddress(0xFFFF_FFFF_FFFF_F123), out Translation t));
        Assert.Equal(0x1123UL, t.Physical.Value);
        int seen = 0;
        VmiException e = Assert.Throws<VmiException>(() =>
        {
            foreach (VirtualRange range in space.Ranges(default, new GuestVirtualAddress(ulong.MaxValue), VmiLimits.Default with { MaxPageTableEntries = 100_000 }))
                seen++;
        });
        Assert.Equal(VmiErrorCode.LimitExceeded, e.Code);
        Assert.InRange(seen, 1, 100_000);
    }

    [Fact]
    public void Tables_of_unreadable_tables_end_at_the_limit()
    {
        byte[] memory = new byte[0x2000];
        for (int i = 0; i < 512; i++)
            BitConverter.TryWriteBytes(memory.AsSpan(0x1000 + i * 8), i < 256 ? 0x1003UL : 0x7_0000_0003UL);
        var counting = new CountingMemory(new ArrayMemory(memory));
        var space = new AddressSpace(counting, PagingMode.FourLevel, new GuestPhysicalAddress(0x1000));
        VmiException e = Assert.Throws<VmiException>(() => space.Ranges(default, new GuestVirtualAddress(ulong.MaxValue), VmiLimits.Default with { MaxPageTableEntries = 512_000 }).Count());
        Assert.Equal(VmiErrorCode.LimitExceeded, e.Code);
        Assert.InRange(counting.Reads, 1, 1000);
    }

    [Fact]
    public void A_root_outside_of_memory_maps_nothing()
    {
        var space = new AddressSpace(new ArrayMemory(new byte[0x1000]), PagingMode.FourLevel, new GuestPhysicalAddress(0x7FFF_F000));
        Assert.Empty(space.Ranges(default, new GuestVirtualAddress(ulong.MaxValue)));
        Assert.False(space.TryTranslate(default, out _));
    }

    [Fact]
    public void Ranges_of_random_memory_end_with_a_list_or_the_limit()
    {
        var random = new Random(5);
        byte[] memory = new byte[0x40000];
        random.NextBytes(memory);
        for (int at = 0; at < memory.Length; at += 8)
            BitConverter.TryWriteBytes(memory.AsSpan(at), BitConverter.ToUInt64(memory, at) & 0x8000_0000_0003_FFFF);
        int cut = 0;
        foreach (PagingMode mode in new[] { PagingMode.Legacy32, PagingMode.Pae, PagingMode.FourLevel, PagingMode.FiveLevel })
        {
            var space = new AddressSpace(new ArrayMemory(memory), mode, new GuestPhysicalAddress(0x3000));
            ulong end = 0;
            try
            {
                foreach (VirtualRange range in space.Ranges(default, new GuestVirtualAddress(ulong.MaxValue), VmiLimits.Default with { MaxPageTableEntries = 1_000_000 }))
                {
                    Assert.True(range.Start.Value >= end && range.Length > 0);
                    end = range.Start.Value + (range.Length - 1);
                }
            }
            catch (VmiException e) when (e.Code == VmiErrorCode.LimitExceeded)
            {
                cut++;
            }
        }
        Assert.Equal(2, cut);
    }

    private static VirtualRange Range(ulong start, ulong length, ulong physical, bool writable) =>
        new(new GuestVirtualAddress(start), length, new GuestPhysicalAddress(physical), writable, true, true);
}
