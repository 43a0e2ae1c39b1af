using VmiPl.Errors;
using VmiPl.Machines.Libvirt;
using VmiPl.Machines.ProcessMemory;
using VmiPl.Machines.Processes;

namespace VmiPl.Machines;

/// <summary>Makes machines of QEMU processes. Nothing is connected or opened before it is needed, but for one handle that ties
/// the machine to its process.</summary>
internal static class MachineFactory
{
    /// <summary>The machine of a process. Throws <c>MachineLost</c> where it is gone.</summary>
    public static VmiMachine FromProcess(QemuProcess process, VmiLimits limits)
    {
        ProcessIdentity identity = ProcessIdentity.Open(process.Id);
        return Make(process, identity, MonitorOpener.Choices(process, limits, identity, out string? best), best, limits);
    }

    /// <summary>The machine of a process, with a monitor that the user named.</summary>
    public static VmiMachine WithMonitor(QemuProcess process, Func<ProcessIdentity, IMachineMonitor> monitor, string description, VmiLimits limits)
    {
        ProcessIdentity identity = ProcessIdentity.Open(process.Id);
        return Make(process, identity, [() => monitor(identity)], description, limits);
    }

    /// <summary>A machine that is known by its monitor alone: its process lives where it can't be seen.</summary>
    public static VmiMachine FromMonitor(IMachineMonitor monitor, VmiLimits limits)
    {
        string name = monitor is VirshMonitor virsh ? virsh.Domain : monitor.HumanCommand("info name").Trim();
        return new VmiMachine(
            name.Length > 0 ? name : monitor.Description,
            _ => new MemoryOpener(null, null, () => monitor).Open(monitor.Description), _ => monitor, limits)
        {
            Monitor = monitor.Description,
            // "kvm support: enabled" (7.2, 10.0, 11.1).
            Accelerator = monitor.HumanCommand("info kvm").Contains("enabled", StringComparison.Ordinal) ? "kvm" : "tcg",
            VcpuCount = monitor.HumanCommand("info cpus").Split('\n').Count(l => l.Contains("CPU #", StringComparison.Ordinal)),
        };
    }

    private static VmiMachine Make(
        QemuProcess process, ProcessIdentity identity, IReadOnlyList<Func<IMachineMonitor>> monitors, string? description, VmiLimits limits) =>
        new(process.Name, machine => new MemoryOpener(identity, process.CommandLine, machine.MonitorOrNone).Open(machine.Name), _ => MonitorOpener.Open(monitors), limits)
        {
            Process = identity,
            ProcessId = process.Id,
            Accelerator = process.Accelerator,
            Architecture = process.Architecture,
            VcpuCount = process.CommandLine.VcpuCount,
            MemoryBytes = process.CommandLine.MemoryBytes,
            Monitor = description,
        };
}
