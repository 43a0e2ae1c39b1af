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

    // Where struct timekeeper may stand in tk_core, whose own structure had no name before 6.13: behind a sequence counter that
    // is 4 bytes wide, or 16 with a pointer to its lock (PREEMPT_RT), aligned to 4 (i386) or 8.
    private static readonly int[] PossibleStarts = [8, 16, 4];

    private readonly GuestVirtualAddress _core;
    private readonly int[] _starts;
    private readonly int _real, _boot;

    private GuestClock(GuestVirtualAddress core, int[] starts, int real, int boot)
    {
        _core = core;
        _starts = starts;
        _real = real;
        _boot = boot;
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
        int start = TaskLayout.Find(profile, "tk_data", "timekeeper");
        return new GuestClock(core, start == TaskLayout.Missing ? PossibleStarts : [start], real, boot);
    }

    /// <summary>The moment of the guest's boot in UTC, or null where the clock cannot be read or is implausible.</summary>
    public DateTime? BootTime(AddressSpace kernel)
    {
        foreach (int start in _starts)
        {
            GuestVirtualAddress timekeeper = _core + (ulong)start;
            if (!kernel.TryReadUInt64(timekeeper + (ulong)_real, out ulong real) || !kernel.TryReadUInt64(timekeeper + (ulong)_boot, out ulong boot))
                continue;
            // The boot offset is the time spent suspended: never negative, and short against the date.
            long ticks = DateTime.UnixEpoch.Ticks + (long)(real - boot) / 100;
            if ((long)boot >= 0 && boot < real && ticks >= Earliest && ticks <= Latest)
                return new DateTime(ticks, DateTimeKind.Utc);
        }
        return null;
    }
}
