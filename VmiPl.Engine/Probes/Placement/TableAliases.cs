using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Memory;

namespace VmiPl.Probes.Placement;

/// <summary>Finds all guest-virtual addresses through which a kernel can reach the memory of a descriptor table. Linux maps the IDT and each CPU's
/// GDT read-only in the CPU entry area (arch/x86/mm/cpu_entry_area.c), where the registers point, and writes them through the kernel image, the
/// direct map of all memory, or a CPU's own area. The page tables themselves are asked, all of the kernel half, so that nothing has to be known
/// of where a kernel keeps what, and an alias that somebody else has made is found, too. Stateless; safe from any thread.</summary>
public static class TableAliases
{
    /// <summary>The aliases of <paramref name="length"/> bytes at <paramref name="table"/>, its own address among them. Never throws for what
    /// the guest's tables say; a search that a bound ends gives what it found, and says so.</summary>
    public static TableAliasList Find(LinuxGuest guest, ulong table, int length)
    {
        AddressSpace kernel = guest.OpenKernelSpace();
        List<TablePage> pages = TablePage.Of(kernel, table, length, out string? problem);
        TableAliasList found = FindAll(guest, kernel, pages);
        return found with { Problem = found.Problem ?? problem };
    }

    /// <summary>The aliases of a table's pages. Never throws, as <see cref="Find"/>.</summary>
    internal static TableAliasList FindAll(LinuxGuest guest, AddressSpace kernel, IReadOnlyCollection<TablePage> pages)
    {
        (ulong first, ulong last) = KernelHalf(guest, kernel);
        return FindIn(guest, kernel, pages, first, last);
    }

    /// <summary>The aliases of a table's pages among the addresses from <paramref name="first"/> to <paramref name="last"/>. Never throws, as
    /// <see cref="Find"/>.</summary>
    internal static TableAliasList FindIn(LinuxGuest guest, AddressSpace kernel, IReadOnlyCollection<TablePage> pages, ulong first, ulong last)
    {
        var aliases = new List<TableAlias>();
        string? problem = null;
        try
        {
            foreach (VirtualRange range in kernel.Ranges(new GuestVirtualAddress(first), new GuestVirtualAddress(last), guest.Machine.Limits))
            {
                foreach (TablePage page in pages)
                {
                    ulong distance = page.Frame - range.Physical.Value;
                    if (page.Frame < range.Physical.Value || distance >= range.Length)
                        continue;
                    ulong at = range.Start.Value + distance + page.InPage;
                    // The guest may have changed its tables since.
                    if (kernel.TryTranslate(new GuestVirtualAddress(at), out Translation translation) && translation.Physical.Value == page.Frame + page.InPage)
                        aliases.Add(new TableAlias(at, page.Offset, page.Length, translation.Writable));
                    if (aliases.Count >= guest.Machine.Limits.MaxTableAliases)
                        throw new VmiException(VmiErrorCode.LimitExceeded, $"The guest maps the table more than {aliases.Count} times.", guest.Machine.Name);
                }
            }
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.LimitExceeded)
        {
            problem = e.Message;
        }
        return new TableAliasList([.. aliases.OrderBy(alias => alias.Offset).ThenBy(alias => alias.Address)], problem);
    }

    /// <summary>Kernel memory: the upper half in long mode; with 32 bits, from the start of the gigabyte that the kernel image lies in.</summary>
    private static (ulong First, ulong Last) KernelHalf(LinuxGuest guest, AddressSpace kernel) => kernel.PointerSize == 8
        ? (0UL - (1UL << (PageTableWalker.AddressBits(kernel.Mode) - 1)), ulong.MaxValue)
        : (guest.Profile.Location.ImageStart.Value & ~0x3FFF_FFFFUL, uint.MaxValue);
}
