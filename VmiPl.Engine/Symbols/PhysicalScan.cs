using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>Finds page tables that may be a kernel's with no register to start from: by one pass over physical memory that
/// looks at the edges of each page, for the kernel's VMCOREINFO and for top-level tables by their structure.</summary>
internal static class PhysicalScan
{
    private const int PageBytes = 4096;
    private const int MaxNotes = 64, MaxTables = 4096;
    private const ulong FrameMask = 0x000F_FFFF_FFFF_F000, TextMapping64 = 0xFFFF_FFFF_8000_0000;
    private const ulong ReservedBits = 0x7FF0_0000_0000_0F80;   // of an entry that refers to a table; 0x80: large page

    /// <summary>Yields candidates, the most trustworthy first. What a candidate says must be checked.</summary>
    public static IEnumerable<RootCandidate> Find(IGuestMemory memory)
    {
        var notes = new List<Vmcoreinfo>();
        var tables = new List<GuestPhysicalAddress>();
        Sweep(memory, notes, tables);
        var seen = new HashSet<RootCandidate>();
        foreach (Vmcoreinfo note in notes)
        {
            foreach (RootCandidate candidate in FromNote(note))
            {
                if (seen.Add(candidate))
                    yield return candidate;
            }
        }
        // A 4-level table's last entry leads to the text mapping; a 5-level one's leads to such a table.
        foreach (PagingMode mode in (PagingMode[])[PagingMode.FiveLevel, PagingMode.FourLevel])
        {
            foreach (GuestPhysicalAddress root in tables)
            {
                if (seen.Add(new RootCandidate(mode, root)) && MapsText(memory, mode, root))
                    yield return new RootCandidate(mode, root);
            }
        }
        foreach (RootCandidate candidate in PhysicalScan32.Find(memory))
        {
            if (seen.Add(candidate))
                yield return candidate;
        }
    }

    /// <summary>The notes in memory, in ascending order of address, with no more read than one pass.</summary>
    public static IReadOnlyList<Vmcoreinfo> FindNotes(IGuestMemory memory)
    {
        var notes = new List<Vmcoreinfo>();
        Sweep(memory, notes, null);
        return notes;
    }

    /// <summary>The tables that a note speaks of.</summary>
    public static IEnumerable<RootCandidate> FromNote(Vmcoreinfo note)
    {
        if (!note.TryGetSymbol("init_top_pgt", out ulong root) && !note.TryGetSymbol("swapper_pg_dir", out root))
            yield break;
        if (root >= TextMapping64)
        {
            note.TryGetNumber("phys_base", out long physicalBase);
            var address = new GuestPhysicalAddress(unchecked(root - TextMapping64 + (ulong)physicalBase) & FrameMask);
            bool known = note.TryGetNumber("pgtable_l5_enabled", out long fiveLevels);
            if (!known || fiveLevels != 0)
                yield return new RootCandidate(PagingMode.FiveLevel, address);
            if (!known || fiveLevels == 0)
                yield return new RootCandidate(PagingMode.FourLevel, address);
            yield break;
        }
        // 32 bits: low memory is mapped at PAGE_OFFSET, one of the splits of CONFIG_VMSPLIT_*.
        foreach (ulong split in (ulong[])[0xC000_0000, 0xB000_0000, 0x8000_0000, 0x7800_0000, 0x4000_0000])
        {
            if (root < split)
                continue;
            var address = new GuestPhysicalAddress(root - split);
            yield return new RootCandidate(note.IsPae ? PagingMode.Pae : PagingMode.Legacy32, address);
            yield return new RootCandidate(note.IsPae ? PagingMode.Legacy32 : PagingMode.Pae, address);
        }
    }

    private static void Sweep(IGuestMemory memory, List<Vmcoreinfo> notes, List<GuestPhysicalAddress>? tables)
    {
        // Processes' tables share their last entry: one of them is enough.
        var lastEntries = new HashSet<ulong>();
        PhysicalSweep.Pages(memory, (address, page) => Look(page, address, memory, notes, tables, lastEntries));
    }

    private static void Look(ReadOnlySpan<byte> page, GuestPhysicalAddress address, IGuestMemory memory, List<Vmcoreinfo> notes, List<GuestPhysicalAddress>? tables, HashSet<ulong> lastEntries)
    {
        if (page.StartsWith(Vmcoreinfo.Magic))
        {
            // A copy: the guest may change the page while it is read.
            if (notes.Count < MaxNotes && Vmcoreinfo.Parse(page.ToArray()) is { } note)
                notes.Add(note);
            return;
        }
        ulong last = BinaryPrimitives.ReadUInt64LittleEndian(page[^8..]);
        // Present and a table: no reserved bit, no large page. Most pages end otherwise.
        if (tables is null || (last & 1) == 0 || (last & ReservedBits) != 0 || tables.Count >= MaxTables)
            return;
        if (IsBacked(memory, last & FrameMask) && LeadsOn(memory, last & FrameMask) && lastEntries.Add(last & FrameMask))
            tables.Add(address);
    }

    private static bool IsBacked(IGuestMemory memory, ulong address)
    {
        foreach (PhysicalRange range in memory.Ranges)
        {
            if (range.Contains(new GuestPhysicalAddress(address)))
                return true;
        }
        return false;
    }

    /// <summary>Whether a table's last entry leads on towards the text mapping; a cheap look, before a table is kept.</summary>
    private static bool LeadsOn(IGuestMemory memory, ulong table)
    {
        Span<byte> last = stackalloc byte[16];
        return memory.Read(new GuestPhysicalAddress(table + PageBytes - 16), last) == 16 && ((last[0] | last[8]) & 1) != 0
            && (BinaryPrimitives.ReadUInt64LittleEndian(last) & ReservedBits) == 0;
    }

    /// <summary>Whether something is mapped at the text mapping.</summary>
    private static bool MapsText(IGuestMemory memory, PagingMode mode, GuestPhysicalAddress root)
    {
        ulong table = root.Value;
        for (int level = mode == PagingMode.FiveLevel ? 2 : 1; level > 0; level--)
        {
            if (!TryEntry(memory, table, 511, out table))
                return false;
        }
        if (!TryEntry(memory, table, 510, out table))
            return false;
        byte[] entries = new byte[PageBytes];
        int read = memory.Read(new GuestPhysicalAddress(table), entries);
        for (int i = 0; i < read; i += 8)
        {
            if ((entries[i] & 1) != 0)
                return true;
        }
        return false;
    }

    private static bool TryEntry(IGuestMemory memory, ulong table, int index, out ulong next)
    {
        Span<byte> bytes = stackalloc byte[8];
        bool read = memory.Read(new GuestPhysicalAddress(table + (ulong)index * 8), bytes) == 8;
        ulong entry = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        next = entry & FrameMask;
        return read && (entry & 1) != 0;
    }
}
