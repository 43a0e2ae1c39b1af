using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Probes.Shim;

/// <summary>Tells that somebody else has stopped the machine, once each time. The shim sees that no vCPU runs, which events may be the reason of, too, and QEMU's
/// monitor knows why; it serves one client at a time, and whoever has paused the machine may hold it, so it is asked beside the driver's thread.</summary>
internal sealed class StandstillWatch(VmiMachine machine, IDriverEvents events)
{
    // From a pause of our own until the shim tells of it.
    private static readonly TimeSpan _ownPause = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private Task _question = Task.CompletedTask;
    private long _expected;
    private bool _isLasting, _isTold;

    /// <summary>The machine stands still, or will, and that is known.</summary>
    public void Expect()
    {
        lock (_lock)
            _expected = Stopwatch.GetTimestamp();
    }

    /// <summary>No vCPU runs; <paramref name="isLasting"/>: for a while now. Does not wait.</summary>
    public void OnStill(bool isLasting)
    {
        lock (_lock)
        {
            _isLasting = isLasting;
            if (!isLasting)
                _isTold = _expected != 0 && Stopwatch.GetElapsedTime(_expected) < _ownPause;
            if (!_isTold && _question.IsCompleted)
                _question = Task.Run(Ask);
        }
    }

    /// <summary>Waits for a question that is under way, for the monitor's time at most: nothing is told afterwards.</summary>
    public void Finish() => _question.Wait();

    private void Ask()
    {
        string? cause, unknown = null;
        try
        {
            cause = machine.QueryState() switch
            {
                MachineState.Paused => "somebody has paused it",
                MachineState.Stopped => "it was shut down",
                _ => null,
            };
        }
        catch (VmiException e)
        {
            cause = null;
            unknown = $"none of its vCPUs runs ({e.Message})";
        }
        lock (_lock)
        {
            // Where the monitor does not say, the time does.
            cause ??= _isLasting ? unknown : null;
            if (cause is null || _isTold)
                return;
            _isTold = true;
        }
        events.Notice($"The machine stands still, as {cause}; probes go on when it does.", isError: false);
    }
}
