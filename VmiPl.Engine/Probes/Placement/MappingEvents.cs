using System.Collections.Immutable;
using VmiPl.Compilation.Sites;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Memory;

namespace VmiPl.Probes.Placement;

/// <summary>Functions of the guest's kernel that map given pages at new kernel addresses, and that take such mappings away (mm/vmalloc.c). Those in
/// <paramref name="Making"/> have the number of pages in <see cref="PageCount"/> when they begin, and the address in <see cref="Result"/> when
/// they have returned; when those in <paramref name="Ending"/> have returned, the page tables know the mapping no longer.
/// <paramref name="Missing"/> are the names for which the kernel has no symbol.
/// <para>Not among them: <c>vmap_pfn</c>, <c>ioremap</c> and <c>memremap</c>, which refuse memory or give its address in the direct map, and
/// <c>kmap</c>, which does so for all pages but those of high memory, where no table lies.</para></summary>
public sealed record MappingEvents(
    ImmutableArray<NamedAddress> Making, ImmutableArray<NamedAddress> Ending, GuestRegister PageCount, GuestRegister Result, ImmutableArray<string> Missing)
{
    private static readonly string[] MakingNames = ["vmap", "vm_map_ram"];
    // vunmap, vfree and free_vm_area all come to the first.
    private static readonly string[] EndingNames = ["remove_vm_area", "vm_unmap_ram"];

    /// <summary>Looks them up. Never throws for what the guest's kernel has not.</summary>
    public static MappingEvents Find(LinuxGuest guest) => new(
        Places(guest, MakingNames), Places(guest, EndingNames),
        // The System V ABI for 64 bits; -mregparm=3 for 32 (arch/x86/Makefile).
        guest.Profile.PointerSize == 8 ? GuestRegister.Rsi : GuestRegister.Rdx, GuestRegister.Rax,
        [.. MakingNames.Concat(EndingNames).Where(name => !guest.Profile.TryGetSymbol(name, out _))]);

    private static ImmutableArray<NamedAddress> Places(LinuxGuest guest, string[] names)
    {
        var places = new List<NamedAddress>();
        foreach (string name in names)
        {
            if (guest.Profile.TryGetSymbol(name, out GuestVirtualAddress address))
                places.Add(new NamedAddress(address.Value, name));
        }
        return [.. places];
    }
}
