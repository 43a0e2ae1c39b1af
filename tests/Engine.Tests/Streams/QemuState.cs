using VmiPl.Machines;
using VmiPl.Machines.Processes;

namespace VmiPl.Tests.Streams;

/// <summary>What a capture could leave behind in a QEMU: open files, objects, trace events.</summary>
internal static class QemuState
{
    public static string Describe(VmiMachine machine) => string.Join('\n',
    [
        .. ProcFs.OpenFiles(machine.ProcessId!.Value).Where(f => !IsMonitor(f.Target)).Select(f => f.Target).Order(),
        machine.GetMonitor().HumanCommand("qom-list /objects"),
        machine.GetMonitor().HumanCommand("info trace-events input_event_key*"),
    ]);

    // The monitor's own connection comes and goes.
    private static bool IsMonitor(string target) => target.StartsWith("socket:", StringComparison.Ordinal);
}
