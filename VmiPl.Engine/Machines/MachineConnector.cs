using System.Globalization;
using VmiPl.Errors;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Dump;
using VmiPl.Machines.Human;
using VmiPl.Machines.Libvirt;
using VmiPl.Machines.Processes;
using VmiPl.Machines.Qmp;

namespace VmiPl.Machines;

/// <summary>Makes a machine of what an operator names: a process, a monitor's socket, a domain of libvirt, a dump. The caller owns the
/// machine.</summary>
public static class MachineConnector
{
    /// <summary>The machine of a QEMU process. Throws <c>MachineNotFound</c> where there is no such process or it is no QEMU, and
    /// <c>AccessDenied</c> where this user may not look into it.</summary>
    public static VmiMachine OpenProcess(int processId, VmiLimits limits)
    {
        string target = processId.ToString(CultureInfo.InvariantCulture);
        QemuProcess? process = QemuProcess.TryOpen(processId, out VmiException? denied);
        if (process is not null)
            return MachineFactory.FromProcess(process, limits);
        throw denied ?? new VmiException(
            VmiErrorCode.MachineNotFound,
            ProcFs.Arguments(processId).Count == 0 ? $"There is no process {processId}." : $"Process {processId} is no QEMU system emulator with a guest.", target);
    }

    /// <summary>The machine behind a monitor's Unix socket, QMP or human. Its memory comes from the QEMU process where that can be
    /// found from here, else through the monitor. Throws <c>MachineNotFound</c> (no such socket), <c>MonitorUnavailable</c>
    /// (nobody listens), <c>MonitorBusy</c>, <c>MonitorProtocol</c> or <c>AccessDenied</c>.</summary>
    public static VmiMachine OpenMonitor(string socketPath, VmiLimits limits)
    {
        if (!Path.Exists(socketPath))
            throw new VmiException(VmiErrorCode.MachineNotFound, $"There is no monitor socket '{socketPath}'.", socketPath);
        string path = Path.GetFullPath(socketPath);
        QemuProcess? process = ProcessBehind(path, limits);
        MonitorKind? declared = process?.Monitors().FirstOrDefault(m => IsSameSocket(m.Path, path))?.Kind;
        var endpoint = new MonitorEndpoint(declared ?? MonitorKind.Qmp, path);
        using ProcessIdentity? identity = process is null ? null : ProcessIdentity.Open(process.Id);
        IMachineMonitor monitor = MonitorOpener.Create(endpoint, limits, identity);
        try
        {
            monitor.QueryState();
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.MonitorProtocol && declared is null && e.Message.Contains("QEMU ", StringComparison.Ordinal))
        {
            // A QMP client met the human monitor's banner.
            monitor.Dispose();
            endpoint = endpoint with { Kind = MonitorKind.Human };
            monitor = MonitorOpener.Create(endpoint, limits, identity);
        }
        catch (VmiException)
        {
            monitor.Dispose();
            throw;
        }
        if (process is null)
            return MachineFactory.FromMonitor(monitor, limits);
        monitor.Dispose();
        return MachineFactory.WithMonitor(process, owner => MonitorOpener.Create(endpoint, limits, owner), path, limits);
    }

    /// <summary>A running guest of libvirt, by its domain's name; commands go through virsh. Throws <c>MachineNotFound</c>,
    /// <c>MonitorUnavailable</c> (no virsh, no daemon) or <c>AccessDenied</c>.</summary>
    public static VmiMachine OpenLibvirt(string domain, VmiLimits limits)
    {
        var monitor = new VirshMonitor(domain, null, limits);
        monitor.QueryState();
        foreach (int id in ProcFs.ProcessIds())
        {
            // The command line can be seen by everybody, the rest perhaps not: memory then comes through virsh.
            QemuProcess? process = QemuProcess.TryOpen(id, out VmiException? denied) ?? (denied is null ? null : QemuProcess.FromCommandLine(id));
            if (process?.CommandLine.Name == domain)
                return MachineFactory.WithMonitor(process, _ => monitor, monitor.Description, limits);
        }
        return MachineFactory.FromMonitor(monitor, limits);
    }

    /// <summary>The machine of a dump file; see <see cref="DumpFile.Open"/>.</summary>
    public static VmiMachine OpenDump(string path, VmiLimits limits, DumpFormat format = DumpFormat.Auto) => DumpFile.Open(path, limits, format);

    /// <summary>The QEMU that serves a socket: the one that listens, unless something else listened and handed the socket on;
    /// then the one that has it open.</summary>
    private static QemuProcess? ProcessBehind(string path, VmiLimits limits)
    {
        int peer;
        using (MonitorSocket socket = MonitorSocket.Connect(new MonitorEndpoint(MonitorKind.Qmp, path), limits.MonitorTimeout))
            peer = socket.PeerProcessId;
        if (peer > 0 && QemuProcess.TryOpen(peer, out VmiException? denied) is { } process)
            return process;
        foreach (int id in ProcFs.ProcessIds())
        {
            if (QemuProcess.TryOpen(id, out denied) is { } other && other.Monitors().Any(m => IsSameSocket(m.Path, path)))
                return other;
        }
        return null;
    }

    private static bool IsSameSocket(string? one, string other) =>
        one is not null && Interop.NativeFile.TryGetFacts(one, out Interop.FileFacts a) && Interop.NativeFile.TryGetFacts(other, out Interop.FileFacts b)
        && (a.Inode, a.DeviceMajor, a.DeviceMinor) == (b.Inode, b.DeviceMajor, b.DeviceMinor);
}
