using System.Text;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Memory;

public sealed class AddressSpaceTests
{
    private const ulong Page = 4096, Base = 0x40_0000;

    public static TheoryData<PagingMode> Modes => [PagingMode.Legacy32, PagingMode.Pae, PagingMode.FourLevel, PagingMode.FiveLevel];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Reads_and_writes_cross_pages_whose_frames_are_scattered(PagingMode mode)
    {
        byte[] memory = new byte[0x80000];
        var tables = new PageTableBuilder(memory, mode, 0x1000);
        ulong[] frames = [0x60000, 0x50000, 0x70000];
        for (ulong i = 0; i < 3; i++)
            tables.Map(Base + i * Page, frames[i]);
        AddressSpace space = tables.Space();
        byte[] bytes = new byte[6000];
        new Random(1).NextBytes(bytes);
        Assert.Equal(bytes.Length, space.Write(At(Base + 4090), bytes));
        byte[] back = new byte[bytes.Length];
        Assert.Equal(bytes.Length, space.Read(At(Base + 4090), back));
        Assert.Equal(bytes, back);
        Assert.Equal(bytes[..6], memory[0x60FFA..0x61000]);
        Assert.Equal(bytes[6..(6 + 4096)], memory[0x50000..0x51000]);
        Assert.Equal(bytes[(6 + 4096)..], memory[0x70000..(0x70000 + bytes.Length - 6 - 4096)]);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_transfer_ends_at_the_first_unmapped_page(PagingMode mode)
    {
        byte[] memory = new byte[0x80000];
        var tables = new PageTableBuilder(memory, mode, 0x1000);
        tables.Map(Base, 0x60000);
        tables.Map(Base + 2 * Page, 0x61000);
        AddressSpace space = tables.Space();
        Assert.Equal(96, space.Read(At(Base + 4000), new byte[8192]));
        Assert.Equal(96, space.Write(At(Base + 4000), new byte[8192]));
        Assert.Equal(0, space.Read(At(Base + Page), new byte[1]));
        Assert.False(space.TryReadUInt64(At(Base + Page - 4), out ulong value));
        Assert.Equal(0UL, value);
        Assert.Equal(0, space.Read(At(Base + Page), []));
    }

    [Fact]
    public void A_page_that_maps_no_memory_reads_as_far_as_memory_goes()
    {
        byte[] memory = new byte[0x8800];
        var tables = new PageTableBuilder(memory, PagingMode.FourLevel, 0x1000);
        tables.Map(Base, 0x8000);
        tables.Map(Base + Page, 0x20000);
        Assert.Equal(0x800, tables.Space().Read(At(Base), new byte[8192]));
        Assert.Equal(0, tables.Space().Read(At(Base + Page), new byte[1]));
    }

    [Fact]
    public void Large_pages_are_read_through_their_whole_length()
    {
        byte[] memory = new byte[0x60_0000];
        var tables = new PageTableBuilder(memory, PagingMode.FourLevel, 0x1000);
        tables.Map(0x8000_0000, 0x20_0000, 1 << 21);
        tables.Map(0x8020_0000, 0x40_0000, 1 << 21);
        memory[0x3F_FFFF] = 0x11;
        memory[0x40_0000] = 0x22;
        byte[] buffer = new byte[0x40_0000];
        AddressSpace space = tables.Space();
        Assert.Equal(buffer.Length, space.Read(At(0x8000_0000), buffer));
        Assert.Equal((0x11, 0x22), (buffer[0x1F_FFFF], buffer[0x20_0000]));
        Assert.True(space.TryTranslate(At(0x8020_0001), out Translation t));
        Assert.Equal(0x40_0001UL, t.Physical.Value);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Nothing_wraps_from_the_top_of_the_space_to_its_bottom(PagingMode mode)
    {
        byte[] memory = new byte[0x80000];
        var tables = new PageTableBuilder(memory, mode, 0x1000);
        ulong top = PageTableWalkerTests.Canonical(mode, ulong.MaxValue) & ~0xFFFUL;
        tables.Map(top, 0x60000);
        tables.Map(0, 0x61000);
        memory.AsSpan(0x60000, 0x2000).Fill((byte)'x');
        AddressSpace space = tables.Space();
        Assert.Equal(16, space.Read(At(top + 4080), new byte[64]));
        Assert.Equal(16, space.Write(At(top + 4080), new byte[64].AsSpan().ToArray()));
        memory.AsSpan(0x60000, 0x2000).Fill((byte)'x');
        Assert.Equal(4096, space.ReadString(At(top), new byte[8192], out bool terminated));
        Assert.False(terminated);
    }

    [Fact]
    public void Strings_end_at_their_nul_the_buffer_or_the_unmapped_page()
    {
        byte[] memory = new byte[0x80000];
        var tables = new PageTableBuilder(memory, PagingMode.Pae, 0x1000);
        tables.Map(Base, 0x60000);
        tables.Map(Base + Page, 0x50000);
        memory.AsSpan(0x60000, 4096).Fill((byte)'a');
        Encoding.UTF8.GetBytes("über die Seite\0rest").CopyTo(memory, 0x50000);
        AddressSpace space = tables.Space();
        byte[] buffer = new byte[1024];

        int length = space.ReadString(At(Base + 4090), buffer, out bool terminated);
        Assert.True(terminated);
        Assert.Equal("aaaaaaüber die Seite", Encoding.UTF8.GetString(buffer, 0, length));

        Assert.Equal(10, space.ReadString(At(Base + 4090), buffer.AsSpan(0, 10), out terminated));
        Assert.False(terminated);

        memory.AsSpan(0x50000, 4096).Fill((byte)'b');
        Assert.Equal(10, space.ReadString(At(Base + 2 * Page - 10), buffer, out terminated));
        Assert.False(terminated);
        Assert.Equal(0, space.ReadString(At(Base + 2 * Page), buffer, out terminated));
        Assert.False(terminated);
        Assert.Equal(0, space.ReadString(At(Base), [], out terminated));
        Assert.False(terminated);
    }

    [Fact]
    public void Pointers_have_the_width_of_the_mode()
    {
        byte[] memory = new byte[0x80000];
        memory.AsSpan(0x60000, 8).Fill(0xEE);
        foreach ((PagingMode mode, ulong expected) in new[] { (PagingMode.Legacy32, 0xEEEE_EEEEUL), (PagingMode.Pae, 0xEEEE_EEEEUL), (PagingMode.FourLevel, 0xEEEE_EEEE_EEEE_EEEEUL) })
        {
            var tables = new PageTableBuilder(memory, mode, 0x1000);
            tables.Map(Base, 0x60000);
            Assert.True(tables.Space().TryReadPointer(At(Base), out GuestVirtualAddress pointer));
            Assert.Equal(expected, pointer.Value);
        }
    }

    [Fact]
    public void Translations_are_remembered_until_forgotten()
    {
        byte[] memory = new byte[0x80000];
        var tables = new PageTableBuilder(memory, PagingMode.FourLevel, 0x1000);
        tables.Map(Base, 0x60000);
        AddressSpace space = tables.Space();
        Assert.True(space.TryTranslate(At(Base), out Translation before));
        tables.Map(Base, 0x61000);
        Assert.True(space.TryTranslate(At(Base + 8), out Translation still));
        Assert.Equal(before.Physical + 8, still.Physical);
        space.Forget();
        Assert.True(space.TryTranslate(At(Base + 8), out Translation after));
        Assert.Equal(0x61008UL, after.Physical.Value);
        tables.Unmap(Base);
        space.Forget();
        Assert.False(space.TryTranslate(At(Base), out _));
        // That something is not mapped is never remembered.
        tables.Map(Base, 0x62000);
        Assert.True(space.TryTranslate(At(Base), out _));
    }

    [Fact]
    public void Remembered_translations_of_many_pages_stay_right()
    {
        byte[] memory = new byte[0x60_0000];
        var tables = new PageTableBuilder(memory, PagingMode.FourLevel, 0x1000);
        // 3,000 small pages and 600 large ones: more than the cache holds, so that entries push each other out.
        for (ulong i = 0; i < 3000; i++)
            tables.Map(Base + i * 4096, i * 0x10_0000);
        for (ulong i = 0; i < 600; i++)
            tables.Map(0xFFFF_8880_0000_0000 + (i << 21), i + 7 << 21, 1 << 21, PageRights.NoExecute);
        AddressSpace space = tables.Space();
        var random = new Random(3);
        for (int i = 0; i < 20_000; i++)
        {
            ulong page = (ulong)random.Next(3000), large = (ulong)random.Next(600), offset = (ulong)random.Next(1 << 21);
            Assert.True(space.TryTranslate(At(Base + page * 4096 + offset % 4096), out Translation small));
            Assert.Equal(new Translation(new GuestPhysicalAddress(page * 0x10_0000 + offset % 4096), 4096, true, true, true), small);
            Assert.True(space.TryTranslate(At(0xFFFF_8880_0000_0000 + (large << 21) + offset), out Translation big));
            Assert.Equal(new Translation(new GuestPhysicalAddress((large + 7 << 21) + offset), 1 << 21, false, false, false), big);
        }
    }

    [Fact]
    public void A_root_loses_its_flags_and_another_root_remembers_nothing()
    {
        byte[] memory = new byte[0x80000];
        var first = new PageTableBuilder(memory, PagingMode.FourLevel, 0x1000);
        var second = new PageTableBuilder(memory, PagingMode.FourLevel, 0x10000);
        first.Map(Base, 0x60000);
        second.Map(Base, 0x61000);
        var space = new AddressSpace(new ArrayMemory(memory), PagingMode.FourLevel, new GuestPhysicalAddress(first.Root.Value | 0x8000_0000_0000_0ABC));
        Assert.Equal(first.Root, space.Root);
        Assert.True(space.TryTranslate(At(Base), out _));
        Assert.True(space.WithRoot(second.Root).TryTranslate(At(Base), out Translation t));
        Assert.Equal(0x61000UL, t.Physical.Value);
    }

    [Fact]
    public void Random_translations_and_reads_never_throw()
    {
        var random = new Random(77);
        byte[] memory = new byte[0x20_0000];
        random.NextBytes(memory);
        for (int at = 0; at < memory.Length; at += 8)
            BitConverter.TryWriteBytes(memory.AsSpan(at), BitConverter.ToUInt64(memory, at) & 0x8000_0000_001F_FFFF | 1);
        byte[] buffer = new byte[9000];
        int read = 0;
        foreach (PagingMode mode in new[] { PagingMode.Legacy32, PagingMode.Pae, PagingMode.FourLevel, PagingMode.FiveLevel })
        {
            var space = new AddressSpace(new ArrayMemory(memory), mode, new GuestPhysicalAddress((ulong)random.Next(0x200) << 12));
            for (int i = 0; i < 60_000; i++)
            {
                ulong va = PageTableWalkerTests.Canonical(mode, (ulong)random.NextInt64(long.MinValue, long.MaxValue));
                bool mapped = space.TryTranslate(At(va), out Translation t);
                Assert.Equal(ReferenceWalker.Walk(memory, mode, space.Root.Value, va)?.Physical, mapped ? t.Physical.Value : null);
                if (i % 16 == 0)
                    read += space.Read(At(va), buffer.AsSpan(0, random.Next(buffer.Length))) > 0 ? 1 : 0;
                if (i % 64 == 0)
                    space.ReadString(At(va), buffer, out _);
            }
        }
        Assert.True(read > 100);
    }

    private static GuestVirtualAddress At(ulong value) => new(value);
}
