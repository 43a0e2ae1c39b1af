using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Memory;

public sealed class PageTableWalkerTests
{
    private static readonly PagingMode[] Modes = [PagingMode.Legacy32, PagingMode.Pae, PagingMode.FourLevel, PagingMode.FiveLevel];

    // Tables written out by hand, entry by entry, so that the builder is not the judge of itself.
    [Fact]
    public void Four_level_known_answer()
    {
        byte[] memory = new byte[0x10000];
        Put(memory, 0x1000 + 0x1FF * 8, 0x2003);                    // PML4[511]
        Put(memory, 0x2000 + 0x1FE * 8, 0x3003);                    // PDPT[510]
        Put(memory, 0x3000 + 8 * 8, 0x0000_0000_0120_00E3);         // PD[8]: 2 MiB page with PAT bit 12 set, at 0x1200000
        Put(memory, 0x3000 + 9 * 8, 0x4003);                        // PD[9] ─► PT
        Put(memory, 0x4000 + 0x123 * 8, 0x8000_0000_0765_4025);     // PT: user, read-only, NX
        var root = new GuestPhysicalAddress(0x8000_0000_0000_1FFF & ~0x1000UL | 0x1000); // flags, PCID
        Assert.Equal(new Translation(new GuestPhysicalAddress(0x1200ABC), 1 << 21, true, false, true),
            Translate(memory, PagingMode.FourLevel, root.Value, 0xFFFF_FFFF_8100_0ABC));
        Assert.Equal(new Translation(new GuestPhysicalAddress(0x7654F0F), 4096, false, false, false),
            Translate(memory, PagingMode.FourLevel, root.Value, 0xFFFF_FFFF_8132_3F0F));
        Assert.Null(Translate(memory, PagingMode.FourLevel, root.Value, 0xFFFF_FFFF_8132_4000));
        Assert.Null(Translate(memory, PagingMode.FourLevel, root.Value, 0x0000_FFFF_8132_3F0F));
    }

    [Fact]
    public void Legacy_known_answer_with_36_bit_pages()
    {
        byte[] memory = new byte[0x4000];
        Put32(memory, 0x1000 + 0x300 * 4, 0x0040_0000 | 0x2000 * 0x5A | 0xE7);   // 4 MiB at 0x5A_0040_0000
        Put32(memory, 0x1000 + 0x301 * 4, 0x2003);
        Put32(memory, 0x2000 + 0x3FF * 4, 0xFFFF_F001);
        Assert.Equal(new Translation(new GuestPhysicalAddress(0x5A_0072_3456), 1 << 22, true, true, true),
            Translate(memory, PagingMode.Legacy32, 0x1018, 0xC032_3456));
        Assert.Equal(new Translation(new GuestPhysicalAddress(0xFFFF_F987), 4096, false, false, true),
            Translate(memory, PagingMode.Legacy32, 0x1018, 0xC07F_F987));
        Assert.Null(Translate(memory, PagingMode.Legacy32, 0x1018, 0x1_C032_3456));
    }

    [Fact]
    public void Pae_known_answer_with_a_root_inside_a_page()
    {
        byte[] memory = new byte[0x6000];
        Put(memory, 0x1060 + 3 * 8, 0x2001);                                     // PDPTE: no rights of its own
        Put(memory, 0x2000 + 0x1FF * 8, 0x3007);
        Put(memory, 0x2000 + 1 * 8, 0x8000_000F_FFE0_0087);                      // 2 MiB, NX, above 4 GiB
        Put(memory, 0x3000 + 0x1FF * 8, 0x0000_0012_3456_7003);
        Assert.Equal(new Translation(new GuestPhysicalAddress(0x12_3456_7FFF), 4096, true, false, true),
            Translate(memory, PagingMode.Pae, 0x1060, 0xFFFF_FFFF));
        Assert.Equal(new Translation(new GuestPhysicalAddress(0xF_FFE0_0000), 1 << 21, true, true, false),
            Translate(memory, PagingMode.Pae, 0x1060, 0xC020_0000));
        Assert.Null(Translate(memory, PagingMode.Pae, 0x1060, 0xC000_0000));
    }

    [Fact]
    public void Five_level_known_answer()
    {
        byte[] memory = new byte[0x8000];
        Put(memory, 0x1000 + 0x100 * 8, 0x2007);                                 // PML5[256]: bit 56 set
        Put(memory, 0x2000, 0x3007);
        Put(memory, 0x3000 + 8, 0x8000_0000_C000_0085);                          // 1 GiB, NX, read-only, user
        Assert.Equal(new Translation(new GuestPhysicalAddress(0xC000_0000 + 0x3FFF_FFFF), 1 << 30, false, true, false),
            Translate(memory, PagingMode.FiveLevel, 0x1000, 0xFF00_0000_7FFF_FFFF));
        Assert.Null(Translate(memory, PagingMode.FiveLevel, 0x1000, 0x0100_0000_7FFF_FFFF));
    }

    [Fact]
    public void Without_paging_addresses_are_physical_and_32_bits_wide()
    {
        Assert.Equal(0xFFFF_FFFFUL, Translate([], PagingMode.None, 0, 0xFFFF_FFFF)?.Physical.Value);
        Assert.Null(Translate([], PagingMode.None, 0, 0x1_0000_0000));
    }

    [Theory]
    [InlineData(PagingMode.FourLevel, 0x0000_7FFF_FFFF_FFFF, true)]
    [InlineData(PagingMode.FourLevel, 0x0000_8000_0000_0000, false)]
    [InlineData(PagingMode.FourLevel, 0xFFFF_7FFF_FFFF_FFFF, false)]
    [InlineData(PagingMode.FourLevel, 0xFFFF_8000_0000_0000, true)]
    [InlineData(PagingMode.FiveLevel, 0x00FF_FFFF_FFFF_FFFF, true)]
    [InlineData(PagingMode.FiveLevel, 0x0100_0000_0000_0000, false)]
    [InlineData(PagingMode.FiveLevel, 0xFEFF_FFFF_FFFF_FFFF, false)]
    [InlineData(PagingMode.FiveLevel, 0xFF00_0000_0000_0000, true)]
    [InlineData(PagingMode.Pae, 0xFFFF_FFFF, true)]
    [InlineData(PagingMode.Pae, 0x1_0000_0000, false)]
    [InlineData(PagingMode.Legacy32, 0xFFFF_FFFF_C000_0000, false)]
    public void Canonical_addresses(PagingMode mode, ulong address, bool canonical) =>
        Assert.Equal(canonical, PageTableWalker.IsCanonical(mode, new GuestVirtualAddress(address)));

    [Fact]
    public void Rights_are_the_least_on_the_way()
    {
        foreach (PagingMode mode in new[] { PagingMode.Pae, PagingMode.FourLevel, PagingMode.FiveLevel })
        {
            byte[] memory = new byte[0x20000];
            var tables = new PageTableBuilder(memory, mode, 0x1000);
            tables.Map(0x40_0000, 0x7000);
            ulong directory = tables.EntryAddress(0x40_0000, 1 << 21, create: false);
            ulong entry = tables.GetEntry(directory);
            tables.PutEntry(directory, entry & ~2UL);
            Assert.Equal((false, true, true), RightsOf(tables));
            tables.PutEntry(directory, entry & ~4UL);
            Assert.Equal((true, false, true), RightsOf(tables));
            tables.PutEntry(directory, entry | 1UL << 63);
            Assert.Equal((true, true, false), RightsOf(tables));
        }

        static (bool, bool, bool) RightsOf(PageTableBuilder tables)
        {
            Assert.True(tables.Space().TryTranslate(new GuestVirtualAddress(0x40_0000), out Translation t));
            return (t.Writable, t.User, t.Executable);
        }
    }

    [Fact]
    public void Agrees_with_a_reference_walker_on_random_valid_tables()
    {
        var random = new Random(20141);
        foreach (PagingMode mode in Modes)
        {
            ulong[] sizes = PageTableBuilder.PageSizes(mode);
            for (int round = 0; round < 20; round++)
            {
                byte[] memory = new byte[0x80_0000];
                var tables = new PageTableBuilder(memory, mode, (ulong)random.Next(16) * 4096);
                var mapped = new List<ulong>();
                for (int i = 0; i < 200; i++)
                {
                    ulong size = sizes[random.Next(sizes.Length)];
                    // Few bits of freedom, so that pages of different sizes share tables; a smaller page below a larger one is skipped.
                    ulong va = Canonical(mode, (ulong)random.NextInt64() & 0x8100_8300_C340_3000 & ~(size - 1) | (ulong)random.Next(2) * 0xFFFF_FF00_0000_0000 & ~(size - 1));
                    if (ReferenceWalker.Walk(memory, mode, tables.Root.Value, va) is not null || Covered(tables, mode, va, size))
                        continue;
                    ulong physical = (ulong)random.NextInt64() & (mode == PagingMode.Legacy32 ? size == 4096 ? 0xFFFF_FFFFUL : 0xFF_FFFF_FFFF : 0xF_FFFF_FFFF_FFFF) & ~(size - 1);
                    var rights = (PageRights)((ulong)random.Next(4) << 1 | (mode == PagingMode.Legacy32 ? 0 : (ulong)random.Next(2) << 63));
                    tables.Map(va, physical, size, rights);
                    mapped.Add(va);
                }
                Assert.True(mapped.Count > 10);
                for (int i = 0; i < 2000; i++)
                {
                    ulong va = Canonical(mode, mapped[random.Next(mapped.Count)] + (ulong)random.NextInt64(-0x2000, 0x4000_2000));
                    AssertSame(memory, mode, tables.Root.Value, va);
                }
                AssertRangesAgree(memory, mode, tables.Root.Value, mapped);
            }
        }
    }

    [Fact]
    public void Random_memory_never_throws_and_agrees_with_the_reference()
    {
        var random = new Random(99);
        int found = 0;
        for (int round = 0; round < 40; round++)
        {
            byte[] memory = new byte[0x10_0000 + random.Next(4096)];
            random.NextBytes(memory);
            if (round % 2 == 0)
            {
                // Half of the rounds have frames that lie in memory, so that walks go deep and come round again.
                for (int at = 0; at + 8 <= memory.Length; at += 8)
                    memory[at + 2] &= 0x0F;
                for (int at = 0; at + 8 <= memory.Length; at += 8)
                    memory.AsSpan(at + 3, 4).Clear();
            }
            foreach (PagingMode mode in Modes)
            {
                for (int i = 0; i < 2000; i++)
                {
                    ulong va = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
                    va = i % 8 == 0 ? va : Canonical(mode, va);
                    ulong root = i % 8 == 1 ? (ulong)random.NextInt64(long.MinValue, long.MaxValue) : (ulong)random.Next(memory.Length) & ~0xFFFUL;
                    found += AssertSame(memory, mode, root, va) ? 1 : 0;
                }
            }
        }
        Assert.True(found > 1000);
    }

    internal static ulong Canonical(PagingMode mode, ulong va) => mode switch
    {
        PagingMode.FourLevel => (ulong)((long)(va << 16) >> 16),
        PagingMode.FiveLevel => (ulong)((long)(va << 7) >> 7),
        _ => (uint)va,
    };

    private static bool AssertSame(byte[] memory, PagingMode mode, ulong root, ulong va)
    {
        Translation? ours = Translate(memory, mode, root, va);
        (ulong, ulong, bool, bool, bool)? plain = ours is { } t ? (t.Physical.Value, t.PageSize, t.Writable, t.User, t.Executable) : null;
        Assert.Equal(ReferenceWalker.Walk(memory, mode, root, va), plain);
        return ours is not null;
    }

    private static void AssertRangesAgree(byte[] memory, PagingMode mode, ulong root, List<ulong> mapped)
    {
        var all = PageTableWalker.Ranges(new ArrayMemory(memory), mode, new GuestPhysicalAddress(root), new GuestVirtualAddress(0), new GuestVirtualAddress(ulong.MaxValue), Errors.VmiLimits.Default).ToList();
        foreach (ulong va in mapped)
        {
            VirtualRange range = Assert.Single(all, r => va - r.Start.Value < r.Length);
            Assert.Equal(ReferenceWalker.Walk(memory, mode, root, va)!.Value.Physical, range.Physical.Value + (va - range.Start.Value));
        }
        for (int i = 1; i < all.Count; i++)
            Assert.True(all[i - 1].End.Value <= all[i].Start.Value);
    }

    private static bool Covered(PageTableBuilder tables, PagingMode mode, ulong va, ulong size)
    {
        // A large page must not replace a table that holds smaller ones.
        foreach (ulong other in PageTableBuilder.PageSizes(mode).Where(s => s >= size).OrderDescending())
        {
            ulong entry = tables.GetEntry(tables.EntryAddress(va, other, create: true));
            if (other == size)
                return (entry & 1) != 0;
            if ((entry & 0x81) == 0x81)
                return true;
        }
        return false;
    }

    private static Translation? Translate(byte[] memory, PagingMode mode, ulong root, ulong va) =>
        PageTableWalker.TryTranslate(new ArrayMemory(memory), mode, new GuestPhysicalAddress(root), new GuestVirtualAddress(va), out Translation t) ? t : null;

    private static void Put(byte[] memory, int at, ulong value) => BitConverter.TryWriteBytes(memory.AsSpan(at), value);

    private static void Put32(byte[] memory, int at, uint value) => BitConverter.TryWriteBytes(memory.AsSpan(at), value);
}
