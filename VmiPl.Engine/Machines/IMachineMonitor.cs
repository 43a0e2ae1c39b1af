namespace VmiPl.Machines;

/// <summary>A way to talk to a running machine: its QMP socket, its human monitor, or virsh. Calls block up to the limits'
/// monitor timeout and throw <see cref="Errors.VmiException"/>: <c>MonitorBusy</c>, <c>MonitorProtocol</c>, <c>Timeout</c>,
/// <c>MachineLost</c>. Safe from several threads; calls are served one at a time.</summary>
public interface IMachineMonitor : IDisposable
{
    /// <summary>What it is, for people: the socket's path or <c>virsh DOMAIN</c>.</summary>
    string Description { get; }

    /// <summary>The run state.</summary>
    MachineState QueryState();

    /// <summary>Stops all vCPUs; does nothing where they are stopped.</summary>
    void Suspend();

    /// <summary>Lets the vCPUs run on; does nothing where they run.</summary>
    void Resume();

    /// <summary>Runs a command of the human monitor and gives its text, with LF line ends.</summary>
    string HumanCommand(string command);
}
