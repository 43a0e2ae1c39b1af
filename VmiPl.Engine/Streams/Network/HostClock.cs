namespace VmiPl.Streams.Network;

/// <summary>Turns QEMU's times into the host's. QEMU stamps frames with its virtual clock, which stands still while the guest does, counted from the
/// guest's own idea of the date (net/dump.c): it tells how far apart frames are, not when they were. A frame that was read came after the
/// pipe was last seen empty and before now; within these bounds its own time counts.</summary>
internal sealed class HostClock
{
    private DateTime _earliest = DateTime.MinValue;
    private TimeSpan? _offset;

    /// <summary>The host's time of a frame that was read at <paramref name="now"/>.</summary>
    public DateTime Map(DateTime stamp, DateTime now)
    {
        DateTime time = _offset is { } offset && InRange(stamp.Ticks + offset.Ticks) ? stamp + offset : now;
        time = time < _earliest ? _earliest : time;
        time = time > now ? now : time;
        _offset = time - stamp;
        return time;
    }

    /// <summary>Nothing was left to read at this time.</summary>
    public void SawNothing(DateTime now) => _earliest = now;

    private static bool InRange(long ticks) => ticks >= 0 && ticks <= DateTime.MaxValue.Ticks;
}
