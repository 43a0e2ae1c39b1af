using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Tests.Synthetic;

/// <summary>Builds x86 page tables in a byte array that stands for guest-physical memory. Tables are taken one page after
/// another from <c>tables</c> on; the first is the root.</summary>
internal sealed class PageTableBuilder
{
    private const ulong Present = 1, LargePage = 0x80, FrameMask = 0x000F_FFFF_FFFF_F000;
    private readonly byte[] _memory;
    private ulong _next;

    public PageTableBuilder(byte[] memory, PagingMode mode, ulong tables)
    {
        _memory = memory;
        _next = tables;
        Mode = mode;
        Root = new GuestPhysicalAddress(NewTable());
    }

    public PagingMode Mode { get; }

    /// <summary>The value for CR3.</summary>
    public GuestPhysicalAddress Root { get; }

    /// <summary>The first byte behind the tables built so far.</summary>
    public ulong TablesEnd => _next;

    /// <summary>A fresh address space over the memory.</summary>
    public AddressSpace Space(IGuestMemory? memory = null) => new(memory ?? new ArrayMemory(_memory), Mode, Root);

    /// <summary>The page sizes of a mode in bytes, smallest first.</summary>
    public static ulong[] PageSizes(PagingMode mode) => mode switch
    {
        PagingMode.Legacy32 => [1UL << 12, 1UL << 22],
        PagingMode.Pae => [1UL << 12, 1UL << 21],
        _ => [1UL << 12, 1UL << 21, 1UL << 30],
    };

    /// <summary>Maps one page; both addresses are multiples of the page size. A 4 MiB page may lie up to 2^40 (PSE-36).</summary>
    public void Map(ulong virtualAddress, ulong physical, ulong pageSize = 4096, PageRights rights = PageRights.Writable | PageRights.User)
    {
        ulong leaf = EntryAddress(virtualAddress, pageSize, create: true);
        ulong entry = physical | Present | (ulong)rights;
        if (pageSize > 4096)
            entry |= LargePage;
        if (Mode == PagingMode.Legacy32 && pageSize > 4096)
            entry = (entry & 0xFFC0_0FFF) | ((physical >> 32 & 0xFF) << 13);
        PutEntry(leaf, entry);
    }

    /// <summary>Maps a run of bytes with 4 KiB pages.</summary>
    public void MapRun(ulong virtualAddress, ulong physical, ulong length, PageRights rights = PageRights.Writable | PageRights.User)
    {
        for (ulong done = 0; done < length; done += 4096)
            Map(virtualAddress + done, physical + done, 4096, rights);
    }

    /// <summary>Clears the entry that maps an address with a page of this size.</summary>
    public void Unmap(ulong virtualAddress, ulong pageSize = 4096) => PutEntry(EntryAddress(virtualAddress, pageSize, create: true), 0);

    /// <summary>Physical address of the entry that maps (or would map) an address with a page of the given size; the tables
    /// above it are made where they are missing.</summary>
    public ulong EntryAddress(ulong virtualAddress, ulong pageSize, bool create)
    {
        ulong table = Root.Value;
        foreach (int shift in Shifts())
        {
            ulong at = table + Index(virtualAddress, shift) * EntrySize;
            if (1UL << shift == pageSize)
                return at;
            ulong entry = GetEntry(at);
            if ((entry & Present) == 0 && create)
            {
                // The top entries of PAE have no rights: those bits are reserved there.
                bool pointer = Mode == PagingMode.Pae && shift == 30;
                entry = NewTable() | Present | (pointer ? 0 : (ulong)(PageRights.Writable | PageRights.User));
                PutEntry(at, entry);
            }
            table = entry & FrameMask;
        }
        throw new ArgumentException("no such page size in this mode");
    }

    public void PutEntry(ulong at, ulong entry)
    {
        if (EntrySize == 8)
            BinaryPrimitives.WriteUInt64LittleEndian(_memory.AsSpan((int)at), entry);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(_memory.AsSpan((int)at), (uint)entry);
    }

    public ulong GetEntry(ulong at) => EntrySize == 8
        ? BinaryPrimitives.ReadUInt64LittleEndian(_memory.AsSpan((int)at))
        : BinaryPrimitives.ReadUInt32LittleEndian(_memory.AsSpan((int)at));

    private ulong EntrySize => Mode == PagingMode.Legacy32 ? 4UL : 8UL;

    private int[] Shifts() => Mode switch
    {
        PagingMode.Legacy32 => [22, 12],
        PagingMode.Pae => [30, 21, 12],
        PagingMode.FourLevel => [39, 30, 21, 12],
        PagingMode.FiveLevel => [48, 39, 30, 21, 12],
        _ => throw new ArgumentException("no page tables in this mode"),
    };

    private ulong Index(ulong address, int shift) => address >> shift & (Mode == PagingMode.Legacy32 ? 1023UL : shift == 30 && Mode == PagingMode.Pae ? 3UL : 511UL);

    private ulong NewTable()
    {
        ulong table = _next;
        _next += 4096;
        Array.Clear(_memory, (int)table, 4096);
        return table;
    }
}
