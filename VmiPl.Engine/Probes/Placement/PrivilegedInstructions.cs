using VmiPl.Linux;

namespace VmiPl.Probes.Placement;

/// <summary>Finds the instructions of a guest's kernel and its modules that make privileged writes. Every one found is an instruction of the
/// code as it is decoded from the start of its function on; what cannot be decided is said rather than left out.
/// <para>Not searched: init code, which is freed after boot and after a module's init function; code that the kernel copies elsewhere
/// before it runs (bring-up of other CPUs in low memory, kexec); firmware. Search before own traps are written into the code.</para>
/// <para>Stateless; safe from any thread.</para></summary>
public static class PrivilegedInstructions
{
    /// <summary>The instructions of the kernel and of all loaded modules. Never throws for what the guest's data says; throws
    /// <c>MachineLost</c>, and <see cref="OperationCanceledException"/>.</summary>
    public static InstructionSearch Find(LinuxGuest guest, PrivilegedWrite kinds, CancellationToken cancel = default)
    {
        var search = new TextSearch(guest, kinds, cancel);
        search.Kernel();
        search.Modules();
        return search.Result();
    }

    /// <summary>The instructions of one module, given the guest-virtual address of its <c>struct module</c>: of one that is loaded, or whose
    /// loading has come as far as <see cref="ModuleEvents.Loading"/>. Throws as <see cref="Find"/>.</summary>
    public static InstructionSearch FindIn(LinuxGuest guest, ulong module, PrivilegedWrite kinds, CancellationToken cancel = default)
    {
        var search = new TextSearch(guest, kinds, cancel);
        search.Module(module);
        return search.Result();
    }
}
