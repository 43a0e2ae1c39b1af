using VmiPl.Errors;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Human;
using VmiPl.Machines.Libvirt;
using VmiPl.Machines.Processes;
using VmiPl.Machines.Qmp;

namespace VmiPl.Machines;

/// <summary>Chooses among a machine's monitors: QMP before the human one, a socket of its own before libvirt's, which libvirt
/// keeps to itself and which is reached through virsh.</summary>
internal static class MonitorOpener
{
    /// <summary>The monitors of a process, best first; none is connected yet.</summary>
    public static IReadOnlyList<Func<IMachineMonitor>> Choices(QemuProcess process, VmiLimits limits, ProcessIdentity? identity, out string? best)
    {
        IReadOnlyList<MonitorEndpoint> all = process.Monitors();
        List<MonitorEndpoint> own = [.. all.Where(m => !IsLibvirts(m))];
        MonitorEndpoint? libvirts = all.FirstOrDefault(IsLibvirts);
        var choices = new List<Func<IMachineMonitor>>();
        foreach (MonitorEndpoint endpoint in own)
            choices.Add(() => Create(endpoint, limits, identity));
        if (libvirts is not null)
            choices.Add(() => new VirshMonitor(process.Name, LibvirtUri(libvirts), limits));
        best = own.Count > 0 ? own[0].ToString() : libvirts is not null ? $"virsh {process.Name}" : null;
        return choices;
    }

    /// <summary>The first monitor that answers; null where there is none to try. Where none answers, throws what the first one
    /// met.</summary>
    public static IMachineMonitor? Open(IReadOnlyList<Func<IMachineMonitor>> choices)
    {
        VmiException? first = null;
        foreach (Func<IMachineMonitor> choice in choices)
        {
            IMachineMonitor monitor = choice();
            try
            {
                monitor.QueryState();
                return monitor;
            }
            catch (VmiException e)
            {
                monitor.Dispose();
                first ??= e;
                if (e.Code == VmiErrorCode.MachineLost)
                    break;
            }
        }
        return first is null ? null : throw first;
    }

    /// <summary>A monitor that connects with its first command.</summary>
    public static IMachineMonitor Create(MonitorEndpoint endpoint, VmiLimits limits, ProcessIdentity? identity) =>
        endpoint.Kind == MonitorKind.Qmp ? new QmpMonitor(endpoint, limits, identity) : new HumanMonitor(endpoint, limits, identity);

    private static bool IsLibvirts(MonitorEndpoint endpoint) => endpoint.Path?.Contains("/libvirt/", StringComparison.Ordinal) == true;

    // The system's daemon keeps its sockets under /var/lib or /run, a user's own one under that user's home.
    private static string LibvirtUri(MonitorEndpoint endpoint) =>
        endpoint.Path!.Contains("/var/lib/libvirt/", StringComparison.Ordinal) || endpoint.Path.StartsWith("/run/libvirt/", StringComparison.Ordinal)
            ? "qemu:///system" : "qemu:///session";
}
