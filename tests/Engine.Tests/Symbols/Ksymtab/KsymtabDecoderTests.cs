using System.Buffers.Binary;
using System.Text;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.Symbols.Ksymtab;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Symbols.Ksymtab;

public sealed class KsymtabDecoderTests
{
    private const int Image = 0x10_0000, ImageBytes = 0x4_0000, TableAt = 0x1000, StringsAt = 0x8000, DataAt = 0x2_0000;
    private static readonly string[] _names =
        ["abort_creds", "boot_cpu_data", "d_path", "init_pid_ns", "init_task", "jiffies", "kfree", "printk", "vfs_read", "zap_vma_ptes"];

    public static TheoryData<PagingMode, bool, int> Encodings => new()
    {
        { PagingMode.Legacy32, false, 2 },
        { PagingMode.Legacy32, false, 3 },
        { PagingMode.Pae, false, 3 },
        { PagingMode.FourLevel, false, 2 },
        { PagingMode.FourLevel, true, 2 },
        { PagingMode.FourLevel, true, 3 },
        { PagingMode.FiveLevel, true, 3 },
    };

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Every_symbol_of_every_encoding_is_found(PagingMode mode, bool relative, int words)
    {
        (AddressSpace space, KernelLocation location) = Build(mode, relative, words);
        KsymtabTable? table = KsymtabDecoder.Find(space, location, VmiLimits.Default);
        Assert.NotNull(table);
        Assert.Equal(_names.Length, table.Count);
        for (int i = 0; i < _names.Length; i++)
        {
            Assert.True(table.TryFind(_names[i], out GuestVirtualAddress address));
            Assert.Equal(ValueOf(location, i), address.Value);
            Assert.Equal(_names[i], table.FindNearest(address + 3)?.Name);
        }
        Assert.False(table.TryFind("panic", out _));
        Assert.Null(table.FindNearest(new GuestVirtualAddress(ValueOf(location, 0) - 1)));
        Assert.Equal(_names, table.Enumerate().Select(symbol => symbol.Name));
        Assert.All(table.Enumerate(), symbol => Assert.Equal('D', symbol.Type));
    }

    [Fact]
    public void No_more_symbols_are_taken_than_the_limit_allows()
    {
        (AddressSpace space, KernelLocation location) = Build(PagingMode.FourLevel, true, 3);
        KsymtabTable? table = KsymtabDecoder.Find(space, location, VmiLimits.Default with { MaxSymbols = 9 });
        Assert.Equal(9, table?.Count);
    }

    [Fact]
    public void A_name_that_no_record_refers_to_is_no_table()
    {
        byte[] memory = new byte[Image + ImageBytes];
        Encoding.ASCII.GetBytes("\0init_task\0").CopyTo(memory, Image + StringsAt);
        (AddressSpace space, KernelLocation location) = Map(memory, PagingMode.FourLevel);
        Assert.Null(KsymtabDecoder.Find(space, location, VmiLimits.Default));
    }

    [Fact]
    public void Mutated_tables_end_without_an_exception()
    {
        var random = new Random(20261123);
        for (int round = 0; round < 200; round++)
        {
            (AddressSpace space, KernelLocation location) = Build(PagingMode.FourLevel, true, 3, memory =>
            {
                for (int i = 0; i < 40; i++)
                    memory[Image + TableAt + random.Next(0x200)] = (byte)random.Next(256);
            });
            KsymtabTable? table = KsymtabDecoder.Find(space, location, VmiLimits.Default);
            Assert.InRange(table?.Count ?? 0, 0, 2 * ImageBytes / 8);
        }
    }

    private static ulong ValueOf(KernelLocation location, int symbol) => location.ImageStart.Value + DataAt + (ulong)symbol * 0x40;

    private static (AddressSpace, KernelLocation) Build(PagingMode mode, bool relative, int words, Action<byte[]>? mutate = null)
    {
        byte[] memory = new byte[Image + ImageBytes];
        int pointer = mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4, field = relative ? 4 : pointer;
        ulong start = StartOf(mode);
        int text = StringsAt + 1;
        for (int i = 0; i < _names.Length; i++)
        {
            Encoding.ASCII.GetBytes(_names[i] + "\0").CopyTo(memory, Image + text);
            int record = TableAt + i * words * field;
            Put(record, start + DataAt + (ulong)i * 0x40);
            Put(record + field, start + (ulong)text);
            text += _names[i].Length + 1;
        }
        mutate?.Invoke(memory);
        return Map(memory, mode);

        void Put(int at, ulong target)
        {
            Span<byte> place = memory.AsSpan(Image + at);
            if (relative)
                BinaryPrimitives.WriteInt32LittleEndian(place, (int)(target - (start + (ulong)at)));
            else if (pointer == 8)
                BinaryPrimitives.WriteUInt64LittleEndian(place, target);
            else
                BinaryPrimitives.WriteUInt32LittleEndian(place, (uint)target);
        }
    }

    private static ulong StartOf(PagingMode mode) => mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 0xFFFF_FFFF_8100_0000 : 0xC100_0000;

    private static (AddressSpace, KernelLocation) Map(byte[] memory, PagingMode mode)
    {
        var tables = new PageTableBuilder(memory, mode, 0x1_0000);
        tables.MapRun(StartOf(mode), Image, DataAt, PageRights.None);
        tables.MapRun(StartOf(mode) + DataAt, Image + DataAt, ImageBytes - DataAt, PageRights.Writable);
        return (tables.Space(), new KernelLocation(mode, tables.Root, new GuestVirtualAddress(StartOf(mode)), ImageBytes));
    }
}
