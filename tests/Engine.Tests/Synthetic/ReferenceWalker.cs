using VmiPl.Memory;

namespace VmiPl.Tests.Synthetic;

/// <summary>A second page-table walker, written from the manual with nothing shared with the product's: one straight line for
/// each mode. Slow and plain on purpose.</summary>
internal static class ReferenceWalker
{
    /// <summary>The physical address, page size and rights, or null where the address is not mapped.</summary>
    public static (ulong Physical, ulong Size, bool Write, bool User, bool Execute)? Walk(byte[] memory, PagingMode mode, ulong cr3, ulong va)
    {
        bool w = true, u = true, x = true;
        ulong e;
        if (mode == PagingMode.Legacy32)
        {
            if (va >= 1UL << 32)
                return null;
            if (!Next(memory, (cr3 & 0xFFFFF000) + (va >> 22) * 4, 4, ref w, ref u, ref x, out e))
                return null;
            if ((e & 0x80) != 0)
                return ((e >> 22 << 22) + ((e >> 13) % 256 << 32) + va % (1 << 22), 1 << 22, w, u, true);
            if (!Next(memory, e / 4096 * 4096 + (va >> 12) % 1024 * 4, 4, ref w, ref u, ref x, out e))
                return null;
            return (e / 4096 * 4096 + va % 4096, 4096, w, u, true);
        }
        ulong table;
        if (mode == PagingMode.Pae)
        {
            if (va >= 1UL << 32)
                return null;
            bool ignored = true;
            if (!Next(memory, (cr3 & 0xFFFFFFE0) + (va >> 30) * 8, 8, ref ignored, ref ignored, ref ignored, out e))
                return null;
            table = Frame(e);
        }
        else
        {
            ulong top = va >> (mode == PagingMode.FiveLevel ? 56 : 47);
            if (top != 0 && top != (mode == PagingMode.FiveLevel ? 0xFFUL : 0x1FFFFUL))
                return null;
            table = Frame(cr3);
            if (mode == PagingMode.FiveLevel)
            {
                if (!Next(memory, table + (va >> 48) % 512 * 8, 8, ref w, ref u, ref x, out e))
                    return null;
                table = Frame(e);
            }
            if (!Next(memory, table + (va >> 39) % 512 * 8, 8, ref w, ref u, ref x, out e))
                return null;
            if (!Next(memory, Frame(e) + (va >> 30) % 512 * 8, 8, ref w, ref u, ref x, out e))
                return null;
            if ((e & 0x80) != 0)
                return (Frame(e) >> 30 << 30 | va % (1 << 30), 1 << 30, w, u, x);
            table = Frame(e);
        }
        if (!Next(memory, table + (va >> 21) % 512 * 8, 8, ref w, ref u, ref x, out e))
            return null;
        if ((e & 0x80) != 0)
            return (Frame(e) >> 21 << 21 | va % (1 << 21), 1 << 21, w, u, x);
        if (!Next(memory, Frame(e) + (va >> 12) % 512 * 8, 8, ref w, ref u, ref x, out e))
            return null;
        return (Frame(e) + va % 4096, 4096, w, u, x);
    }

    private static ulong Frame(ulong entry) => entry << 12 >> 24 << 12;

    private static bool Next(byte[] memory, ulong at, int size, ref bool w, ref bool u, ref bool x, out ulong entry)
    {
        entry = 0;
        if (at + (ulong)size > (ulong)memory.Length)
            return false;
        for (int i = size - 1; i >= 0; i--)
            entry = entry << 8 | memory[(int)at + i];
        w &= (entry & 2) != 0;
        u &= (entry & 4) != 0;
        x &= entry >> 63 == 0;
        return (entry & 1) != 0;
    }
}
