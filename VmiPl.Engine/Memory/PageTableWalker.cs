using System.Buffers.Binary;
using VmiPl.Errors;

namespace VmiPl.Memory;

/// <summary>Walks x86 page tables in guest memory (Intel SDM volume 3A, chapter 4; AMD APM volume 2, chapter 5). Stateless:
/// remembering translations is <see cref="AddressSpace"/>'s work. Never throws for what it finds in the tables.</summary>
public static class PageTableWalker
{
    private const ulong Present = 1, Write = 2, UserBit = 4, LargePage = 0x80, NoExecute = 1UL << 63;
    private const ulong FrameMask = 0x000F_FFFF_FFFF_F000;

    /// <summary>One level of a paging mode: which bits of the address index its table and how wide an entry is in bytes.</summary>
    private readonly record struct Level(int Shift, int Bits, int EntrySize, bool MayBeLarge);

    private static readonly Level[] Legacy32 = [new(22, 10, 4, true), new(12, 10, 4, false)];
    private static readonly Level[] Pae = [new(30, 2, 8, false), new(21, 9, 8, true), new(12, 9, 8, false)];
    private static readonly Level[] FourLevel = [new(39, 9, 8, false), new(30, 9, 8, true), new(21, 9, 8, true), new(12, 9, 8, false)];
    private static readonly Level[] FiveLevel = [new(48, 9, 8, false), .. FourLevel];

    /// <summary>The mask that turns a CR3 value into the address of the top table: PCID and flag bits go.</summary>
    public static ulong RootMask(PagingMode mode) => mode switch
    {
        PagingMode.Legacy32 => 0xFFFF_F000,
        PagingMode.Pae => 0xFFFF_FFE0,
        _ => FrameMask,
    };

    /// <summary>The number of bits of a virtual address that the mode translates; in long mode the rest repeats the top bit.</summary>
    public static int AddressBits(PagingMode mode) => mode switch
    {
        PagingMode.FourLevel => 48,
        PagingMode.FiveLevel => 57,
        _ => 32,
    };

    /// <summary>Whether the address can be translated at all: 32 bits wide, or canonical in long mode.</summary>
    public static bool IsCanonical(PagingMode mode, GuestVirtualAddress address)
    {
        int unused = 64 - AddressBits(mode);
        return unused == 32
            ? address.Value <= uint.MaxValue
            : (ulong)((long)(address.Value << unused) >> unused) == address.Value;
    }

    /// <summary>Translates one address. Returns false where an entry on the way is absent or a table cannot be read.</summary>
    public static bool TryTranslate(IGuestMemory memory, PagingMode mode, GuestPhysicalAddress root, GuestVirtualAddress address, out Translation translation)
    {
        translation = default;
        if (!IsCanonical(mode, address))
            return false;
        if (mode == PagingMode.None)
        {
            translation = new Translation(new GuestPhysicalAddress(address.Value), 4096, true, true, true);
            return true;
        }

        ulong table = root.Value & RootMask(mode);
        ulong rights = Write | UserBit;
        ulong noExecute = 0;
        foreach (Level level in LevelsOf(mode))
        {
            ulong index = (address.Value >> level.Shift) & ((1UL << level.Bits) - 1);
            if (!TryReadEntry(memory, new GuestPhysicalAddress(table + index * (ulong)level.EntrySize), level.EntrySize, out ulong entry)
                || (entry & Present) == 0)
                return false;
            Restrict(mode, level, entry, ref rights, ref noExecute);
            if (level.Shift == 12 || (level.MayBeLarge && (entry & LargePage) != 0))
            {
                ulong size = 1UL << level.Shift;
                translation = new Translation(
                    new GuestPhysicalAddress(FrameOf(level, entry) + (address.Value & (size - 1))),
                    size, (rights & Write) != 0, (rights & UserBit) != 0, noExecute == 0);
                return true;
            }
            table = entry & FrameMask;
        }
        return false;
    }

    /// <summary>Yields what the tables map between two addresses (both inclusive), in ascending order, neighbours with
    /// consecutive frames and equal rights joined; whole 4 KiB pages at both ends. Stops with <c>LimitExceeded</c> once it has
    /// read <see cref="VmiLimits.MaxPageTableEntries"/> entries: tables that refer to themselves can describe 2^36 pages.</summary>
    public static IEnumerable<VirtualRange> Ranges(IGuestMemory memory, PagingMode mode, GuestPhysicalAddress root, GuestVirtualAddress first, GuestVirtualAddress last, VmiLimits limits)
    {
        if (first.Value > last.Value)
            yield break;
        if (mode == PagingMode.None)
        {
            ulong end = Math.Min(last.Value, uint.MaxValue);
            if (first.Value <= end)
                yield return new VirtualRange(first, end - first.Value + 1, new GuestPhysicalAddress(first.Value), true, true, true);
            yield break;
        }
        VirtualRange? pending = null;
        var walk = new RangeWalk(memory, mode, first.Value, last.Value, limits.MaxPageTableEntries);
        foreach (VirtualRange page in walk.Pages(0, root.Value & RootMask(mode), 0, Write | UserBit, 0))
        {
            if (pending is { } run && run.End == page.Start && run.Physical + run.Length == page.Physical
                && run.Writable == page.Writable && run.User == page.User && run.Executable == page.Executable)
            {
                pending = run with { Length = run.Length + page.Length };
                continue;
            }
            if (pending is { } finished)
                yield return finished;
            pending = page;
        }
        if (pending is { } rest)
            yield return rest;
    }

    /// <summary>One walk over a range: its bounds, the entries it may still read, and a buffer for each level.</summary>
    private sealed class RangeWalk(IGuestMemory memory, PagingMode mode, ulong first, ulong last, long entriesLeft)
    {
        private readonly Level[] _levels = LevelsOf(mode);
        private readonly byte[]?[] _tables = new byte[]?[LevelsOf(mode).Length];

        public IEnumerable<VirtualRange> Pages(int depth, ulong table, ulong prefix, ulong rights, ulong noExecute)
        {
            Level level = _levels[depth];
            ulong size = 1UL << level.Shift;
            // A table is read whole: an entry at a time would cost a call each on memory that is not mapped here.
            // It is charged whole, too, readable or not: the calls are what a walk over garbage costs.
            int count = 1 << level.Bits;
            if ((entriesLeft -= count) < 0)
                throw new VmiException(VmiErrorCode.LimitExceeded, "The guest's page tables describe more pages than a walk may visit; they may refer to themselves.");
            byte[] entries = _tables[depth] ??= new byte[count * level.EntrySize];
            int readable = memory.Read(new GuestPhysicalAddress(table), entries) / level.EntrySize;
            for (int i = 0; i < readable; i++)
            {
                ulong start = SignExtend(mode, prefix | ((ulong)i << level.Shift));
                if (start + (size - 1) < first)
                    continue;
                if (start > last)
                    yield break;
                ulong entry = level.EntrySize == 8
                    ? BinaryPrimitives.ReadUInt64LittleEndian(entries.AsSpan(i * 8))
                    : BinaryPrimitives.ReadUInt32LittleEndian(entries.AsSpan(i * 4));
                if ((entry & Present) == 0)
                    continue;
                ulong entryRights = rights, entryNoExecute = noExecute;
                Restrict(mode, level, entry, ref entryRights, ref entryNoExecute);
                if (level.Shift == 12 || (level.MayBeLarge && (entry & LargePage) != 0))
                {
                    ulong skip = first > start ? (first - start) & ~0xFFFUL : 0;
                    ulong end = Math.Min(start + (size - 1), last | 0xFFF);
                    yield return new VirtualRange(
                        new GuestVirtualAddress(start + skip), end - (start + skip) + 1,
                        new GuestPhysicalAddress(FrameOf(level, entry) + skip),
                        (entryRights & Write) != 0, (entryRights & UserBit) != 0, entryNoExecute == 0);
                    continue;
                }
                foreach (VirtualRange page in Pages(depth + 1, entry & FrameMask, prefix | ((ulong)i << level.Shift), entryRights, entryNoExecute))
                    yield return page;
            }
        }
    }

    private static Level[] LevelsOf(PagingMode mode) => mode switch
    {
        PagingMode.Legacy32 => Legacy32,
        PagingMode.Pae => Pae,
        PagingMode.FourLevel => FourLevel,
        PagingMode.FiveLevel => FiveLevel,
        _ => throw new VmiException(VmiErrorCode.InvalidArgument, $"There are no page tables in paging mode {mode}."),
    };

    private static void Restrict(PagingMode mode, Level level, ulong entry, ref ulong rights, ref ulong noExecute)
    {
        // The four top entries of PAE carry neither rights nor NX (SDM 4.4.1).
        if (mode == PagingMode.Pae && level.Shift == 30)
            return;
        rights &= entry;
        noExecute |= entry & NoExecute;
    }

    private static ulong FrameOf(Level level, ulong entry)
    {
        if (level.EntrySize == 8)
            return entry & FrameMask & ~((1UL << level.Shift) - 1);
        // PSE-36: bits 13 to 20 of a 4 MiB entry are bits 32 to 39 of the frame (SDM table 4-4).
        return level.Shift == 22
            ? (entry & 0xFFC0_0000) | ((entry & 0x001F_E000) << 19)
            : entry & 0xFFFF_F000;
    }

    private static ulong SignExtend(PagingMode mode, ulong address)
    {
        int unused = 64 - AddressBits(mode);
        return unused == 32 ? address : (ulong)((long)(address << unused) >> unused);
    }

    private static bool TryReadEntry(IGuestMemory memory, GuestPhysicalAddress address, int size, out ulong entry)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        bool whole = memory.Read(address, bytes[..size]) == size;
        entry = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return whole;
    }
}
