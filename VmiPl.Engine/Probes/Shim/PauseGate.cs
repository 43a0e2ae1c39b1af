using System.Diagnostics;

namespace VmiPl.Probes.Shim;

/// <summary>Keeps what an event with a pause has handed out until the machine is paused: whoever hears of a pause may resume the machine at once, and a
/// resumption that comes before its pause is lost. Safe from any thread.</summary>
internal sealed class PauseGate
{
    private readonly object _sign = new();
    private readonly Dictionary<ushort, DateTime> _followed = [];
    private bool _isOpen;

    /// <summary>The pause that a vCPU waited for has been followed, or could not be.</summary>
    public void Follow(ushort vcpu)
    {
        lock (_sign)
        {
            _followed[vcpu] = DateTime.UtcNow;
            Monitor.PulseAll(_sign);
        }
    }

    /// <summary>Nothing is kept any more.</summary>
    public void Open()
    {
        lock (_sign)
        {
            _isOpen = true;
            Monitor.PulseAll(_sign);
        }
    }

    /// <summary>Waits until the pause of an event at <paramref name="time"/> has been followed, at most <paramref name="most"/>: the vCPU is held no longer
    /// either.</summary>
    public void Await(ushort vcpu, DateTime time, TimeSpan most)
    {
        long start = Stopwatch.GetTimestamp();
        lock (_sign)
        {
            // The vCPU is held from the event on: one that was followed earlier was another.
            while (!_isOpen && !(_followed.TryGetValue(vcpu, out DateTime followed) && followed >= time) && most - Stopwatch.GetElapsedTime(start) is { Ticks: > 0 } left)
                Monitor.Wait(_sign, left);
        }
    }
}
