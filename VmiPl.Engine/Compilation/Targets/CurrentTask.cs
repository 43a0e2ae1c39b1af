using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Compilation.Targets;

/// <summary>Where a kernel keeps the task that runs on a CPU (arch/x86/include/asm/current.h): a per-CPU variable, whose address is
/// <paramref name="Variable"/> plus the CPU's entry in the table <c>__per_cpu_offset</c> at <paramref name="Offsets"/>; a kernel
/// for one CPU has no table (0) and the variable at its own address.
/// <para>The table is asked rather than the GS or FS base: it gives the same answer in user mode, in the entry code, and where a
/// program has put a value of its own into GS. Linux numbers the CPUs of a QEMU guest as QEMU does.</para></summary>
internal sealed record CurrentTask(ulong Offsets, ulong Variable)
{
    public static CurrentTask? From(KernelProfile profile)
    {
        ulong offsets = profile.TryGetSymbol("__per_cpu_offset", out GuestVirtualAddress table) ? table.Value : 0;
        if (profile.TryGetSymbol("current_task", out GuestVirtualAddress variable))
            return new CurrentTask(offsets, variable.Value);
        // From 6.2 to 6.14 it is a member of a structure of hot per-CPU variables.
        int member = TaskLayout.Find(profile, "pcpu_hot", "current_task");
        return member != TaskLayout.Missing && profile.TryGetSymbol("pcpu_hot", out GuestVirtualAddress hot)
            ? new CurrentTask(offsets, hot.Value + (ulong)member)
            : null;
    }
}
