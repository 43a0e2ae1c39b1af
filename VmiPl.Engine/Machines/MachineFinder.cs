using VmiPl.Errors;
using VmiPl.Machines.Processes;

namespace VmiPl.Machines;

/// <summary>Finds the QEMU system emulators that run on this host, by what their processes are and have open, not by their
/// names: a renamed program or a wrapper around it is told from it by looking into the program file.</summary>
public static class MachineFinder
{
    /// <summary>The running machines in ascending order of their process ids, one at a time as they are found. The caller owns
    /// each and disposes it. A process that looks like a QEMU but may not be looked into is reported once, with
    /// <c>AccessDenied</c>, and left out; one that ends meanwhile is left out silently. Connects to nothing.</summary>
    public static IEnumerable<VmiMachine> Find(VmiLimits limits, Action<VmiException> report)
    {
        foreach (int id in ProcFs.ProcessIds())
        {
            QemuProcess? process = QemuProcess.TryOpen(id, out VmiException? denied);
            if (denied is not null)
                report(denied);
            VmiMachine? machine = process is null ? null : TryMake(process, limits);
            if (machine is not null)
                yield return machine;
        }
    }

    private static VmiMachine? TryMake(QemuProcess process, VmiLimits limits)
    {
        try
        {
            return MachineFactory.FromProcess(process, limits);
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.MachineLost)
        {
            return null;
        }
    }
}
