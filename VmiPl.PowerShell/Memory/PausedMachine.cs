using VmiPl.Machines;

namespace VmiPl.Commands.Memory;

/// <summary>A machine that stands still until disposed; one that stood still before is left so.</summary>
internal sealed class PausedMachine : IDisposable
{
    private readonly IMachineMonitor? _monitor;

    private PausedMachine(IMachineMonitor? monitor) => _monitor = monitor;

    /// <summary>Suspends a running machine. Throws what its monitor throws.</summary>
    public static PausedMachine Pause(VmiMachine machine)
    {
        if (machine.QueryState() is MachineState.Dump or MachineState.Paused or MachineState.Stopped)
            return new PausedMachine(null);
        IMachineMonitor monitor = machine.GetMonitor();
        monitor.Suspend();
        return new PausedMachine(monitor);
    }

    /// <summary>Lets the machine run on.</summary>
    public void Dispose() => _monitor?.Resume();
}
