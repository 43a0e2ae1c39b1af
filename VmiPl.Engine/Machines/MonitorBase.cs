using System.Diagnostics;
using VmiPl.Errors;

namespace VmiPl.Machines;

/// <summary>What all monitors have in common: pausing and resuming end when QEMU says that it is so.</summary>
public abstract class MonitorBase : IMachineMonitor
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);
    private readonly VmiLimits _limits;

    /// <summary>Takes the bounds that apply.</summary>
    private protected MonitorBase(VmiLimits limits) => _limits = limits;

    /// <inheritdoc/>
    public abstract string Description { get; }

    /// <summary>How another program reaches this monitor: <c>qmp ADDRESS</c>, <c>hmp ADDRESS</c> (see
    /// <see cref="CommandLine.MonitorEndpoint.ForAnotherProgram"/>), or <c>run PROGRAM ARGUMENT…</c>, to which a line of the
    /// human monitor is added as the last argument. Throws <c>MonitorUnavailable</c> where a host's name has no address.</summary>
    internal abstract IReadOnlyList<string> ForAnotherProgram();

    /// <inheritdoc/>
    public virtual MachineState QueryState() => RunState.FromText(HumanCommand("info status"));

    /// <inheritdoc/>
    public void Suspend()
    {
        if (QueryState() != MachineState.Running)
            return;
        Stop();
        Await(state => state != MachineState.Running, "stop");
    }

    /// <inheritdoc/>
    public void Resume()
    {
        if (QueryState() == MachineState.Running)
            return;
        Continue();
        Await(state => state == MachineState.Running, "run");
    }

    /// <inheritdoc/>
    public abstract string HumanCommand(string command);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the connection.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Asks QEMU to stop the vCPUs.</summary>
    private protected virtual void Stop() => Demand("stop");

    /// <summary>Asks QEMU to let the vCPUs run.</summary>
    private protected virtual void Continue() => Demand("cont");

    private void Demand(string command)
    {
        // Both commands are silent unless they fail.
        string answer = HumanCommand(command).Trim();
        if (answer.Length > 0)
            throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU refused '{command}': {answer}", Description);
    }

    private void Await(Func<MachineState, bool> reached, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!reached(QueryState()))
        {
            if (Stopwatch.GetElapsedTime(start) > _limits.MonitorTimeout)
                throw new VmiException(VmiErrorCode.Timeout, $"The machine did not {what} within {_limits.MonitorTimeout.TotalSeconds:0.#} s.", Description);
            Thread.Sleep(Step);
        }
    }
}
