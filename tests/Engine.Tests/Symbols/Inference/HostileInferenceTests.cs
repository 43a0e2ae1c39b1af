using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.Symbols.Inference;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Symbols.Inference;

/// <summary>Inference over memory that was made to mislead it: it ends, without an exception, with nothing implausible.</summary>
public sealed class HostileInferenceTests
{
    private const int Image = 0x4_0000, ImageBytes = 0x4_0000;

    [Theory]
    [InlineData(PagingMode.Legacy32)]
    [InlineData(PagingMode.Pae)]
    [InlineData(PagingMode.FourLevel)]
    public void Noise_gives_next_to_nothing(PagingMode mode)
    {
        var random = new Random(1);
        for (int round = 0; round < 4; round++)
        {
            Check(mode, random.NextBytes);
        }
    }

    /// <summary>Half of all words lead somewhere into the image, and idle tasks' names stand everywhere.</summary>
    [Theory]
    [InlineData(PagingMode.Legacy32)]
    [InlineData(PagingMode.Pae)]
    [InlineData(PagingMode.FourLevel)]
    public void Pointers_to_everywhere_end(PagingMode mode)
    {
        var random = new Random(2);
        for (int round = 0; round < 2; round++)
        {
            Check(mode, image => FillWithPointers(image, mode, random));
        }
    }

    /// <summary>Every word is the head of an empty list, or of a list of two: all back pointers are right.</summary>
    [Theory]
    [InlineData(PagingMode.Legacy32)]
    [InlineData(PagingMode.FourLevel)]
    public void Lists_everywhere_end(PagingMode mode)
    {
        int size = SizeOf(mode);
        Check(mode, image =>
        {
            for (int at = 0; at + 4 * size <= image.Length; at += 4 * size)
            {
                Put(image[at..], StartOf(mode) + (ulong)(at + 2 * size), size);
                Put(image[(at + size)..], StartOf(mode) + (ulong)(at + 2 * size), size);
                Put(image[(at + 2 * size)..], StartOf(mode) + (ulong)at, size);
                Put(image[(at + 3 * size)..], StartOf(mode) + (ulong)at, size);
            }
            for (int at = 0x1000; at < image.Length; at += 0x800)
                "swapper/0\0\0\0\0\0\0\0"u8.CopyTo(image[at..]);
        });
    }

    [Fact]
    public void Page_tables_that_refer_to_themselves_give_nothing()
    {
        byte[] memory = new byte[0x10_0000];
        var tables = new PageTableBuilder(memory, PagingMode.FourLevel, 0x1000);
        tables.PutEntry(tables.Root.Value + 511 * 8, tables.Root.Value | 3);
        var location = new KernelLocation(PagingMode.FourLevel, tables.Root, new GuestVirtualAddress(0xFFFF_FF80_0000_0000), 1UL << 39);
        VmiLimits limits = VmiLimits.Default with { MaxPageTableEntries = 1000, MaxKernelImageBytes = long.MaxValue };
        InferredLayout layout = LayoutInference.Infer(tables.Space(), location, EmptySymbolTable.Instance, limits);
        Assert.Empty(layout.Offsets);
        Assert.Empty(layout.Symbols);
    }

    [Fact]
    public void A_list_longer_than_the_limit_is_not_taken()
    {
        const int Tasks = 50, Stride = 0x400, Name = 0x200, Link = 0x100;
        ulong start = StartOf(PagingMode.FourLevel);
        (AddressSpace space, KernelLocation location) = Map(PagingMode.FourLevel, image =>
        {
            for (int i = 0; i < Tasks; i++)
            {
                int task = i * Stride + 0x1000;
                Put(image[(task + Link)..], start + (ulong)((i + 1) % Tasks * Stride + 0x1000 + Link), 8);
                Put(image[(task + Link + 8)..], start + (ulong)((i + Tasks - 1) % Tasks * Stride + 0x1000 + Link), 8);
                "swapper/0\0"u8.CopyTo(image[(task + Name)..]);
            }
        });
        var reader = new KernelReader(space, location, 1_000_000);
        ulong[] names = [start + 0x1000 + Name];
        Assert.Equal(Tasks, TaskRingFinder.Find(reader, names, Tasks)?.Links.Count);
        Assert.Null(TaskRingFinder.Find(reader, names, Tasks - 1));
    }

    [Fact]
    public void A_reader_whose_budget_is_spent_reads_nothing_more()
    {
        (AddressSpace space, KernelLocation location) = Map(PagingMode.FourLevel, image => image.Fill(1));
        var reader = new KernelReader(space, location, 2);
        ulong start = StartOf(PagingMode.FourLevel);
        Assert.True(reader.TryUInt32(start, out uint value));
        Assert.Equal(0x01010101u, value);
        Assert.True(reader.IsKernel(start));
        Assert.False(reader.TryUInt32(start, out _));
        Assert.False(reader.IsKernel(start));
    }

    private delegate void Fill(Span<byte> image);

    private static void Check(PagingMode mode, Fill fill)
    {
        (AddressSpace space, KernelLocation location) = Map(mode, fill);
        InferredLayout layout = LayoutInference.Infer(space, location, EmptySymbolTable.Instance, VmiLimits.Default);
        Assert.All(layout.Offsets, offset => Assert.InRange(offset.Value, 0, 1 << 16));
        Assert.All(layout.Symbols, symbol => Assert.True(space.TryTranslate(new GuestVirtualAddress(symbol.Value), out _)));
        Assert.DoesNotContain("mm_struct.pgd", layout.Offsets.Keys);
        Assert.DoesNotContain("mm_struct.exe_file", layout.Offsets.Keys);
    }

    private static void FillWithPointers(Span<byte> image, PagingMode mode, Random random)
    {
        int size = SizeOf(mode);
        for (int at = 0; at + size <= image.Length; at += size)
        {
            ulong value = random.Next(2) == 0
                ? StartOf(mode) + (ulong)(random.Next(image.Length / size) * size)
                : (ulong)random.Next(5000);
            Put(image[at..], value, size);
            if (random.Next(500) == 0 && at + 16 <= image.Length)
            {
                "swapper/0\0\0\0\0\0\0\0"u8.CopyTo(image[at..]);
                at += 16 - size;
            }
        }
    }

    private static (AddressSpace, KernelLocation) Map(PagingMode mode, Fill fill)
    {
        byte[] memory = new byte[Image + ImageBytes];
        var tables = new PageTableBuilder(memory, mode, 0x1000);
        tables.MapRun(StartOf(mode), Image, ImageBytes, PageRights.Writable);
        fill(memory.AsSpan(Image));
        return (tables.Space(), new KernelLocation(mode, tables.Root, new GuestVirtualAddress(StartOf(mode)), ImageBytes));
    }

    private static ulong StartOf(PagingMode mode) => SizeOf(mode) == 8 ? 0xFFFF_FFFF_8100_0000 : 0xC100_0000;

    private static int SizeOf(PagingMode mode) => mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4;

    private static void Put(Span<byte> place, ulong value, int size)
    {
        if (size == 8)
            BinaryPrimitives.WriteUInt64LittleEndian(place, value);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(place, (uint)value);
    }
}
