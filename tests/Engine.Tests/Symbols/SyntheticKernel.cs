using System.Buffers.Binary;
using System.Text;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Symbols;

/// <summary>A guest built in a byte array: page tables that map a small kernel image (text, then read-only data with banner,
/// notes, kallsyms and BTF, then data with the kernel's own top table), and what registers would show.</summary>
public sealed class SyntheticKernel
{
    public const string Release = "6.99.0-test";
    public const string BuildIdText = "00112233445566778899aabbccddeeff00112233";
    private const int MemoryBytes = 0x34_0000, ImagePhysical = 0x10_0000;
    private const int TextBytes = 0x10_0000, TablesAt = TextBytes, DataAt = 0x1C_0000, ImageBytes = 0x20_0000;
    private int _nextTable = 0x1000;

    public SyntheticKernel(PagingMode mode = PagingMode.FourLevel, KallsymsOrder order = KallsymsOrder.AddressesLast, KallsymsAddresses addresses = KallsymsAddresses.BaseRelative)
    {
        Mode = mode;
        PointerSize = mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4;
        ImageStart = PointerSize == 8 ? 0xFFFF_FFFF_8120_0000 : 0xC000_0000 + ImagePhysical;
        Symbols = MakeSymbols(addresses == KallsymsAddresses.AbsolutePercpu);
        Writer = new KallsymsWriter(ImageStart + KallsymsAt) { Order = order, Addresses = addresses, PointerSize = PointerSize, Alignment = PointerSize };
        Put(BannerAt, Encoding.ASCII.GetBytes($"Linux version {Release} (builder@host) (gcc) #1 SMP\n\0"));
        Put(NotesAt, [4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, (byte)'G', (byte)'N', (byte)'U', 0, .. Convert.FromHexString(BuildIdText)]);
        Put(KallsymsAt, Writer.Write(Symbols));
        Put(BtfAt, Btf);
        Root = MakeTables();
        // The kernel's own table: a page of its data that maps the same.
        Bytes.AsSpan((int)Root.Value, 4096).CopyTo(Bytes.AsSpan(ImagePhysical + TopTableAt));
        Memory = new ArrayMemory(Bytes);
    }

    public const int BannerAt = TablesAt + 0x40, NotesAt = TablesAt + 0x400, KallsymsAt = TablesAt + 0x1000, BtfAt = TablesAt + 0x4_0000, TopTableAt = DataAt;

    public PagingMode Mode { get; }
    public int PointerSize { get; }
    public ulong ImageStart { get; }
    public byte[] Bytes { get; } = new byte[MemoryBytes];
    public ArrayMemory Memory { get; }
    public byte[] Btf { get; } = BtfWriter.Kernel();
    public KallsymsWriter Writer { get; }
    public IReadOnlyList<(string Name, char Type, ulong Address)> Symbols { get; }
    public GuestPhysicalAddress Root { get; }
    public static GuestPhysicalAddress KernelTable => new(ImagePhysical + TopTableAt);
    public KernelLocation Location => new(Mode, Root, new GuestVirtualAddress(ImageStart), ImageBytes);

    /// <summary>Where a part of the image lies in <see cref="Bytes"/>.</summary>
    public static int PhysicalOf(int inImage) => ImagePhysical + inImage;

    /// <summary>The registers of a vCPU that uses this guest's table.</summary>
    public VcpuRegisters Registers => RegistersFor(Root.Value);

    public VcpuRegisters RegistersFor(ulong cr3) => new()
    {
        Cr0 = 0x8005_0033,
        Cr3 = cr3,
        Cr4 = Mode switch { PagingMode.Legacy32 => 0u, PagingMode.FiveLevel => 0x1020u, _ => 0x20u },
        Efer = PointerSize == 8 ? 0xD01u : 0,
    };

    /// <summary>Copies the top table to a place and, bit 12 set, an almost empty one behind it, as page-table isolation does.
    /// Returns the user-mode CR3.</summary>
    public ulong Isolate()
    {
        const int Pair = 0x32_0000;
        Bytes.AsSpan((int)Root.Value, 4096).CopyTo(Bytes.AsSpan(Pair));
        // In long mode the low bits hold a PCID, the top one of which tells the two apart too.
        return Pair | 0x1000u | (PointerSize == 8 ? 0x801u : 0);
    }

    /// <summary>Writes the page that describes the kernel to dump tools.</summary>
    public void DescribeItself(int at = 0x31_0000)
    {
        string root = (ImageStart + TopTableAt).ToString("x", null);
        string text = PointerSize == 8
            ? $"OSRELEASE={Release}\nPAGESIZE=4096\nSYMBOL(init_top_pgt)={root}\nNUMBER(phys_base)={(long)ImagePhysical - (long)(ImageStart - 0xFFFF_FFFF_8000_0000)}\nNUMBER(pgtable_l5_enabled)={(Mode == PagingMode.FiveLevel ? 1 : 0)}\n"
            : $"OSRELEASE={Release}\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)={root}\n{(Mode == PagingMode.Pae ? "CONFIG_X86_PAE=y\n" : "")}";
        Encoding.ASCII.GetBytes(text).CopyTo(Bytes.AsSpan(at));
    }

    /// <summary>Forgets the table that was found through registers, as when its process ended.</summary>
    public void FreeRoot() => Bytes.AsSpan((int)Root.Value, 4096).Fill(0xCC);

    private List<(string, char, ulong)> MakeSymbols(bool percpu)
    {
        var list = new List<(string, char, ulong)>();
        if (percpu)
            list.AddRange([("fixed_percpu_data", 'A', 0), ("__per_cpu_start", 'A', 0), ("cpu_info", 'A', 0x1000)]);
        list.AddRange([("_stext", 'T', ImageStart), ("_text", 'T', ImageStart)]);
        for (int i = 0; i < 700; i++)
            list.Add(($"sys_{i % 90}_read_{i}", i % 3 == 0 ? 't' : 'T', ImageStart + 0x100 + (ulong)i * 0x40));
        // Longer than 127 codes: a length of two bytes.
        list.Add((string.Concat(Enumerable.Repeat("q7", 100)), 't', ImageStart + 0xF_0000));
        list.Add(("linux_banner", 'D', ImageStart + BannerAt));
        list.Add(("__start_notes", 'R', ImageStart + NotesAt));
        list.Add(("__start_BTF", 'R', ImageStart + BtfAt));
        list.Add(("__stop_BTF", 'R', ImageStart + BtfAt + (ulong)Btf.Length));
        list.Add((PointerSize == 8 ? "init_top_pgt" : "swapper_pg_dir", 'D', ImageStart + TopTableAt));
        list.Add(("init_task", 'D', ImageStart + TopTableAt + 0x2000));
        list.Add(("_end", 'B', ImageStart + ImageBytes));
        return list;
    }

    private void Put(int inImage, byte[] bytes) => bytes.CopyTo(Bytes.AsSpan(PhysicalOf(inImage)));

    private GuestPhysicalAddress MakeTables()
    {
        int root = NewTable();
        for (int page = 0; page < ImageBytes / 4096; page++)
            Map(root, ImageStart + (ulong)page * 4096, (ulong)(ImagePhysical + page * 4096), page * 4096);
        return new GuestPhysicalAddress((ulong)root);
    }

    private void Map(int root, ulong address, ulong physical, int inImage)
    {
        (int Shift, int Bits)[] levels = Mode switch
        {
            PagingMode.Legacy32 => [(22, 10), (12, 10)],
            PagingMode.Pae => [(30, 2), (21, 9), (12, 9)],
            PagingMode.FourLevel => [(39, 9), (30, 9), (21, 9), (12, 9)],
            _ => [(48, 9), (39, 9), (30, 9), (21, 9), (12, 9)],
        };
        int width = Mode == PagingMode.Legacy32 ? 4 : 8;
        int table = root;
        foreach ((int shift, int bits) in levels)
        {
            int at = table + (int)((address >> shift) & ((1UL << bits) - 1)) * width;
            ulong entry = Entry(at, width);
            if (shift == 12)
            {
                bool readOnly = inImage < DataAt, execute = inImage < TextBytes;
                SetEntry(at, width, physical | (readOnly ? 1u : 3u) | (execute || width == 4 ? 0 : 1UL << 63));
                return;
            }
            if ((entry & 1) == 0)
            {
                entry = (uint)NewTable() | (Mode == PagingMode.Pae && shift == 30 ? 1u : 3u);
                SetEntry(at, width, entry);
            }
            table = (int)(entry & 0xFFFF_F000);
        }
    }

    private int NewTable()
    {
        int table = _nextTable;
        _nextTable += 0x1000;
        return table;
    }

    private ulong Entry(int at, int width) => width == 8
        ? BinaryPrimitives.ReadUInt64LittleEndian(Bytes.AsSpan(at))
        : BinaryPrimitives.ReadUInt32LittleEndian(Bytes.AsSpan(at));

    private void SetEntry(int at, int width, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        bytes[..width].CopyTo(Bytes.AsSpan(at));
    }
}
