using System.Collections.Immutable;
using VmiPl.Compilation.Sites;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Memory;

namespace VmiPl.Probes.Placement;

/// <summary>Functions of the guest's kernel that tell of modules coming and going (kernel/module/main.c; kernel/module.c before 5.19): executed
/// once for each, with the <c>struct module *</c> in <see cref="ModuleRegister"/> at their first instruction.
/// <para><paramref name="Loading"/>: the module's code is in its place, relocated, and none of it has run. <paramref name="Unloading"/>: its code
/// has run for the last time and still lies there, where traps have to be taken out. Each has several that will do, the best first; none: the kernel has
/// no symbol for any.</para></summary>
public sealed record ModuleEvents(ImmutableArray<NamedAddress> Loading, ImmutableArray<NamedAddress> Unloading, GuestRegister ModuleRegister)
{
    // Exact names only: of a function that the compiler has given a suffix, the arguments may no longer be what they were.
    // do_init_module may be inlined; then these are called shortly before it with the same argument, by a kernel that has them.
    private static readonly string[] LoadingNames = ["do_init_module", "klp_module_coming", "ftrace_module_enable"];
    private static readonly string[] UnloadingNames = ["free_module", "module_arch_cleanup", "ftrace_release_mod"];

    /// <summary>Looks them up. Never throws for what the guest's kernel has not.</summary>
    public static ModuleEvents Find(LinuxGuest guest) => new(
        Known(guest, LoadingNames), Known(guest, UnloadingNames),
        // The System V ABI for 64 bits; -mregparm=3 for 32 (arch/x86/Makefile).
        guest.Profile.PointerSize == 8 ? GuestRegister.Rdi : GuestRegister.Rax);

    private static ImmutableArray<NamedAddress> Known(LinuxGuest guest, string[] names)
    {
        var known = ImmutableArray.CreateBuilder<NamedAddress>();
        foreach (string name in names)
        {
            if (guest.Profile.TryGetSymbol(name, out GuestVirtualAddress address))
                known.Add(new NamedAddress(address.Value, name));
        }
        return known.ToImmutable();
    }
}
