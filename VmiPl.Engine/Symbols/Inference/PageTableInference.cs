using VmiPl.Memory;

namespace VmiPl.Symbols.Inference;

/// <summary>The kernel's own page table, which outlives every process: <c>init_top_pgt</c> in 64-bit kernels,
/// <c>swapper_pg_dir</c> in 32-bit ones. It is the one page of the image that maps the kernel and nothing below it.</summary>
internal static class PageTableInference
{
    private const int PageSize = 4096;

    public static void Infer(KernelReader reader, TaskSamples tasks, LayoutBuilder layout)
    {
        ulong? found = null;
        ulong end = reader.Location.ImageStart.Value + reader.Location.ImageLength;
        for (ulong page = reader.Location.ImageStart.Value & ~(ulong)(PageSize - 1); page < end; page += PageSize)
        {
            if (!reader.IsKernel(page) || !reader.Space.TryTranslate(new GuestVirtualAddress(page), out Translation there) || !there.Writable
                || !MemoryInference.MapsKernel(reader, tasks, there.Physical) || !IsLowHalfEmpty(reader, page))
                continue;
            if (found is not null)
                return;
            found = page;
        }
        if (found is { } table)
            layout.Symbol(reader.PointerSize == 8 ? "init_top_pgt" : "swapper_pg_dir", table);
    }

    private static bool IsLowHalfEmpty(KernelReader reader, ulong table)
    {
        // The first quarter is user space however a 32-bit kernel splits its addresses; PAE has four entries of 8 bytes.
        Span<byte> bytes = stackalloc byte[PageSize / 4];
        bytes = reader.Space.Mode == PagingMode.Pae ? bytes[..8] : bytes;
        return reader.Read(table, bytes) == bytes.Length && !bytes.ContainsAnyExcept((byte)0);
    }
}
