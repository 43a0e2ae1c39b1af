using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>The guest's own clock: what lies between time since boot and UTC, from the kernel's timekeeper
/// (include/linux/timekeeper_internal.h: <c>offs_real</c> and <c>offs_boot</c>, ns).</summary>
internal sealed class GuestClock
{
    // A guest's clock outside of these years is unset or forged; no time is better than a wrong one.
    private static readonly long Earliest = new DateTime(1980, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks;
    private static readonly long Latest = new DateTime(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks;

    private readonly GuestVirtualAddress _offsetReal, _offsetBoot;

    private GuestClock(GuestVirtualAddress timekeeper, int real, int boot)
    {
        _offsetReal = timekeeper + (ulong)real;
        _offsetBoot = timekeeper + (ulong)boot;
    }

    /// <summary>The clock of a profile, or null where the timekeeper is not to be found.</summary>
    public static GuestClock? From(KernelProfile profile)
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
        return new GuestClock(core + (ulong)timekeeper, real, boot);
    }

    /// <summary>The moment of the guest's boot in UTC, or null where the clock cannot be read or is implausible.</summary>
    public DateTime? BootTime(AddressSpace kernel)
    {
        if (!kernel.TryReadUInt64(_offsetReal, out ulong real) || !kernel.TryReadUInt64(_offsetBoot, out ulong boot))
            return null;
        long ticks = DateTime.UnixEpoch.Ticks + (long)(real - boot) / 100;
        return ticks >= Earliest && ticks <= Latest ? new DateTime(ticks, DateTimeKind.Utc) : null;
    }
}
