using System.Collections.Concurrent;
using System.Management.Automation.Runspaces;
using VmiPl.Commands.Probes;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary>The machines that one PowerShell session (runspace) connected to with <c>Connect-VmiMachine</c>. It owns them:
/// they are closed by <c>Disconnect-VmiMachine</c>, when the module is removed and when the runspace closes.</summary>
internal sealed class SessionMachines
{
    private static readonly ConcurrentDictionary<Guid, SessionMachines> Sessions = new();
    private readonly Lock _gate = new();
    private readonly List<VmiMachine> _machines = [];

    /// <summary>The calling runspace's machines.</summary>
    public static SessionMachines Current
    {
        get
        {
            Runspace? runspace = Runspace.DefaultRunspace;
            if (runspace is null)
                return Sessions.GetOrAdd(Guid.Empty, _ => new SessionMachines());
            if (Sessions.TryGetValue(runspace.InstanceId, out SessionMachines? known))
                return known;
            SessionMachines made = Sessions.GetOrAdd(runspace.InstanceId, _ => new SessionMachines());
            runspace.StateChanged += CloseWithRunspace;
            return made;
        }
    }

    /// <summary>The machines, in the order in which they were connected.</summary>
    public IReadOnlyList<VmiMachine> Machines
    {
        get
        {
            lock (_gate)
                return _machines.ToArray();
        }
    }

    /// <summary>Keeps a machine; does nothing where it is kept already.</summary>
    public void Add(VmiMachine machine)
    {
        lock (_gate)
        {
            if (!_machines.Contains(machine))
                _machines.Add(machine);
        }
    }

    /// <summary>Lets a machine go without closing it. False where it was not kept.</summary>
    public bool Remove(VmiMachine machine)
    {
        lock (_gate)
            return _machines.Remove(machine);
    }

    /// <summary>Closes the calling runspace's machines, and with the last session those that were found running.</summary>
    public static void CloseCurrent() => Close(Runspace.DefaultRunspace?.InstanceId ?? Guid.Empty);

    private static void CloseWithRunspace(object? sender, RunspaceStateEventArgs change)
    {
        if (sender is Runspace runspace && change.RunspaceStateInfo.State is RunspaceState.Closed or RunspaceState.Broken)
            Close(runspace.InstanceId);
    }

    private static void Close(Guid session)
    {
        // Probes first: taking them out needs their machines.
        SessionProbes.Close(session);
        if (Sessions.TryRemove(session, out SessionMachines? machines))
        {
            foreach (VmiMachine machine in machines.Machines)
            {
                RunningMachines.Forget(machine);
                machine.Dispose();
            }
        }
        if (Sessions.IsEmpty)
            RunningMachines.CloseAll();
    }
}
