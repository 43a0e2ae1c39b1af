using System.Buffers;
using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>Finds the kernel's own page table, which lives as long as the kernel does: a process's table, through which the
/// kernel may have been found, is given to somebody else when that process ends.</summary>
internal static class KernelRoot
{
    /// <summary>The same location with the kernel's own table as root, where it can be found; else the location itself.</summary>
    public static KernelLocation Prefer(IGuestMemory memory, KernelLocation location, ISymbolTable symbols, KernelImage image)
    {
        foreach (string name in (string[])["init_top_pgt", "init_level4_pgt", "swapper_pg_dir"])
        {
            if (symbols.TryFind(name, out GuestVirtualAddress table) && TryRoot(memory, location, table, out KernelLocation? named))
                return named;
        }
        return FindByContent(memory, location, image) ?? FindByNote(memory, location) ?? location;
    }

    private static KernelLocation? FindByNote(IGuestMemory memory, KernelLocation location)
    {
        foreach (Vmcoreinfo note in PhysicalScan.FindNotes(memory))
        {
            foreach (string name in (string[])["init_top_pgt", "swapper_pg_dir"])
            {
                if (note.TryGetSymbol(name, out ulong table) && TryRoot(memory, location, new GuestVirtualAddress(table), out KernelLocation? named))
                    return named;
            }
        }
        return null;
    }

    /// <summary>A page of the image whose kernel entries are those of the table in use, and that is empty otherwise.</summary>
    private static KernelLocation? FindByContent(IGuestMemory memory, KernelLocation location, KernelImage image)
    {
        const int PageBytes = 4096, PieceBytes = 1 << 20;
        int kernelGigabyte = (int)(location.ImageStart.Value >> 30) & 3;
        (Range kernel, Range empty) = location.Mode switch
        {
            PagingMode.Legacy32 => ((kernelGigabyte * 1024)..PageBytes, ..(kernelGigabyte * 1024)),
            PagingMode.Pae => ((kernelGigabyte * 8)..32, 32..PageBytes),
            _ => ((PageBytes / 2)..PageBytes, ..(PageBytes / 2)),
        };
        byte[] current = new byte[PageBytes];
        if (memory.Read(location.Root, current.AsSpan(0, kernel.End.Value)) != kernel.End.Value)
            return null;
        byte[] piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            foreach (VirtualRange range in image.Ranges)
            {
                for (ulong at = 0; at < range.Length; at += PieceBytes)
                {
                    int read = memory.Read(range.Physical + at, piece.AsSpan(0, (int)Math.Min(range.Length - at, PieceBytes)));
                    for (int page = 0; page + PageBytes <= read; page += PageBytes)
                    {
                        ReadOnlySpan<byte> table = piece.AsSpan(page, PageBytes);
                        if (table[kernel].SequenceEqual(current.AsSpan(kernel)) && table[empty].IndexOfAnyExcept((byte)0) < 0
                            && TryRoot(memory, location, range.Start + (at + (ulong)page), out KernelLocation? found))
                            return found;
                    }
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
        return null;
    }

    /// <summary>Whether the table at a virtual address maps the image as the one in use does. In long mode both depths are
    /// tried: a table found without registers can be the second of five levels, taken for the first of four.</summary>
    private static bool TryRoot(IGuestMemory memory, KernelLocation location, GuestVirtualAddress table, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out KernelLocation? named)
    {
        named = null;
        if (!PageTableWalker.TryTranslate(memory, location.Mode, location.Root, table, out Translation root)
            || !PageTableWalker.TryTranslate(memory, location.Mode, location.Root, location.ImageStart, out Translation wanted))
            return false;
        PagingMode[] modes = location.Mode is PagingMode.FourLevel or PagingMode.FiveLevel
            ? [PagingMode.FiveLevel, PagingMode.FourLevel]
            : [location.Mode];
        foreach (PagingMode mode in modes)
        {
            if (PageTableWalker.TryTranslate(memory, mode, root.Physical, location.ImageStart, out Translation got) && got.Physical == wanted.Physical)
            {
                named = location with { Mode = mode, Root = root.Physical };
                return true;
            }
        }
        return false;
    }
}
