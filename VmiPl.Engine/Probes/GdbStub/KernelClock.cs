using System.Buffers.Binary;
using VmiPl.Linux;
using VmiPl.Memory;

namespace VmiPl.Probes.GdbStub;

/// <summary>What a look at a kernel's clock has shown.</summary>
internal enum ClockReading
{
    /// <summary>It goes on, or not much time has passed.</summary>
    Runs,
    /// <summary>It has stood still for some time: nobody counts there any more, or all vCPUs sleep.</summary>
    Stands,
    /// <summary>It was set back, which no kernel does to its own.</summary>
    WentBack,
}

/// <summary>A kernel's count of timer interrupts since it booted (<c>jiffies_64</c>, kernel/time/timer.c), looked at while the machine runs. A kernel that
/// boots at another place leaves the old one's memory as it was, where nothing shows but that the clock in it stands; one that boots at the same
/// place begins to count anew. For one thread.</summary>
internal sealed class KernelClock
{
    /// <summary>Looks with the same value after which it stands. A kernel whose vCPUs all sleep counts when it wakes (<c>CONFIG_NO_HZ</c>).</summary>
    internal const int Patience = 10;

    private readonly LinuxGuest _guest;
    private readonly GuestVirtualAddress _place;
    private ulong _last;
    private int _stood;

    private KernelClock(LinuxGuest guest, GuestVirtualAddress place)
    {
        _guest = guest;
        _place = place;
        _last = Read() ?? 0;
    }

    /// <summary>The clock of a guest's kernel; null where it has no symbol for it.</summary>
    public static KernelClock? Find(LinuxGuest guest) => guest.TryFindSymbol("jiffies_64", out GuestVirtualAddress place) ? new KernelClock(guest, place) : null;

    /// <summary>Looks once more. <see cref="ClockReading.Stands"/> is told once for each time that it has stood so long.</summary>
    public ClockReading Look()
    {
        // A kernel of 32 bits writes it in halves: what is seen between them is gone at the next reading.
        ulong? now = Read();
        if (now < _last)
            now = Read();
        if (now < _last)
            return ClockReading.WentBack;
        _stood = now > _last ? 0 : _stood + 1;
        _last = now ?? _last;
        if (_stood < Patience)
            return ClockReading.Runs;
        _stood = 0;
        return ClockReading.Stands;
    }

    private ulong? Read()
    {
        Span<byte> bytes = stackalloc byte[8];
        return _guest.OpenKernelSpace().TryRead(_place, bytes) ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : null;
    }
}
