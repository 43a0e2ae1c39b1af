using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>The guest's own clock: what lies between time since boot and UTC, from the kernel's timekeeper
/// (include/linux/timekeeper_internal.h: <c>offs_real</c> and <c>offs_boot</c>, ns).</summary>
internal static class GuestClock
{
    // A guest's clock outside of these years is unset or forged; no time is better than a wrong one.
    private static readonly long Earliest = new DateTime(1980, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks;
    private static readonly long Latest = new DateTime(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks;

    /// <summary>The moment of the guest's boot in UTC, or null where the timekeeper is not to be found or is implausible.</summary>
    public static DateTime? BootTime(KernelProfile profile, AddressSpace kernel)
    {
        // Up to 6.16 "tk_core", then an array of timekeepers whose first is the core one.
        if (!profile.TryGetSymbol("tk_core", out GuestVirtualAddress core) && !profile.TryGetSymbol("timekeeper_data", out core))
            return null;
        int real = TaskLayout.Find(profile, "timekeeper", "offs_real"), boot = TaskLayout.Find(profile, "timekeeper", "offs_boot");
        if (real == TaskLayout.Missing || boot == TaskLayout.Missing)
            return null;
        int timekeeper = TaskLayout.Find(profile, "tk_data", "timekeeper");
        if (timekeeper == TaskLayout.Missing)
            timekeeper = 8;   // behind a sequence counter, aligned to the 64-bit members of struct timekeeper
        GuestVirtualAddress at = core + (ulong)timekeeper;
        if (!kernel.TryReadUInt64(at + (ulong)real, out ulong offsetReal) || !kernel.TryReadUInt64(at + (ulong)boot, out ulong offsetBoot))
            return null;
        long ticks = DateTime.UnixEpoch.Ticks + (long)(offsetReal - offsetBoot) / 100;
        return ticks >= Earliest && ticks <= Latest ? new DateTime(ticks, DateTimeKind.Utc) : null;
    }
}
