using System.Collections.Concurrent;
using System.Management.Automation.Runspaces;
using VmiPl.Commands.Machines;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Probes;

namespace VmiPl.Commands.Probes;

/// <summary>The probe sessions that one PowerShell session (runspace) has started. It owns them: they run until they are stopped, the module is
/// removed, the runspace closes or the process exits. One that has ended by itself stays until somebody has seen and removed it. Safe from any
/// thread.</summary>
internal sealed class SessionProbes
{
    private static readonly ConcurrentDictionary<Guid, SessionProbes> Sessions = new();
    private readonly Lock _gate = new();
    private readonly List<VmiProbe> _probes = [];
    private int _last;
    private bool _closed;

    // Whoever kills this process leaves the guests to the guardians; whoever ends it does not.
    static SessionProbes() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (Guid session in Sessions.Keys)
            Close(session);
    };

    /// <summary>The calling runspace's probes.</summary>
    public static SessionProbes Current
    {
        get
        {
            // These are known to the runspace, and close the probes of it when it ends.
            _ = SessionMachines.Current;
            return Sessions.GetOrAdd(Runspace.DefaultRunspace?.InstanceId ?? Guid.Empty, _ => new SessionProbes());
        }
    }

    /// <summary>The sessions, in the order in which they were started.</summary>
    public IReadOnlyList<VmiProbe> Probes
    {
        get
        {
            lock (_gate)
                return _probes.ToArray();
        }
    }

    /// <summary>The sessions of one machine.</summary>
    public IReadOnlyList<VmiProbe> On(VmiMachine machine) => [.. Probes.Where(probe => IsSame(probe.Session.Machine, machine))];

    /// <summary>Keeps a session that was started. One that comes after the end of the runspace is stopped.</summary>
    public VmiProbe Add(string? name, ProbeSession session)
    {
        lock (_gate)
        {
            if (!_closed)
            {
                var probe = new VmiProbe(++_last, name, session);
                _probes.Add(probe);
                return probe;
            }
        }
        session.Dispose();
        throw new VmiException(VmiErrorCode.InvalidArgument, "The PowerShell session has ended; the probes were taken out again.", session.Machine.Name);
    }

    /// <summary>Stops a session where it still runs, and has whoever owns it forget it. Throws where something could not be restored.</summary>
    public static void Stop(VmiProbe probe)
    {
        try
        {
            probe.Session.Stop();
        }
        finally
        {
            probe.Session.Dispose();
            foreach (SessionProbes session in Sessions.Values)
                session.Forget(probe);
        }
    }

    /// <summary>What runs on a machine, started by any runspace of this process; null where nothing does.</summary>
    public static VmiProbe? RunningOn(VmiMachine machine) =>
        Sessions.Values.SelectMany(session => session.On(machine)).FirstOrDefault(probe => probe.IsRunning);

    /// <summary>Stops all of a runspace's sessions.</summary>
    public static void Close(Guid session)
    {
        if (!Sessions.TryRemove(session, out SessionProbes? closing))
            return;
        VmiProbe[] probes;
        lock (closing._gate)
        {
            closing._closed = true;
            probes = [.. closing._probes];
            closing._probes.Clear();
        }
        // At once: a machine that is slow to answer does not keep the others trapped.
        Parallel.ForEach(probes, probe => probe.Session.Dispose());
    }

    private void Forget(VmiProbe probe)
    {
        lock (_gate)
            _probes.Remove(probe);
    }

    private static bool IsSame(VmiMachine one, VmiMachine other) => one == other || (one.ProcessId is { } id && id == other.ProcessId);
}
