using VmiPl.Memory;

namespace VmiPl.Probes.Placement;

/// <summary>A page that a descriptor table lies in: <paramref name="Length"/> bytes at <paramref name="InPage"/> of the page at guest-physical
/// <paramref name="Frame"/> are those at <paramref name="Offset"/> of the table.</summary>
internal readonly record struct TablePage(ulong Frame, ulong InPage, int Offset, int Length)
{
    private const ulong PageSize = 4096;

    /// <summary>The pages of a table; <paramref name="problem"/> names the first that is not mapped, null: all are.</summary>
    public static List<TablePage> Of(AddressSpace kernel, ulong table, int length, out string? problem)
    {
        var pages = new List<TablePage>();
        problem = null;
        for (int offset = 0; offset < length && table + (ulong)offset >= table;)
        {
            ulong at = table + (ulong)offset, inPage = at & (PageSize - 1);
            int piece = (int)Math.Min(PageSize - inPage, (ulong)(length - offset));
            if (kernel.TryTranslate(new GuestVirtualAddress(at), out Translation translation))
                pages.Add(new TablePage(translation.Physical.Value - inPage, inPage, offset, piece));
            else
                problem ??= $"The table is not mapped at 0x{at:x}.";
            offset += piece;
        }
        return pages;
    }
}
