namespace VmiPl.Machines;

/// <summary>QEMU's gdbstub in the human monitor's <c>info chardev</c>, as seen with QEMU 7.2 and 10.0: <c>gdb: filename=disconnected:unix:/run/x,server=on</c>.</summary>
internal static class GdbServerState
{
    private const string ChardevName = "gdb:", FileName = "filename=", Unconnected = FileName + "disconnected:";

    /// <summary>What the stub listens on, behind the device's name; null where it is not open.</summary>
    public static string? Find(IMachineMonitor monitor) => monitor.HumanCommand("info chardev").Split('\n')
        .FirstOrDefault(line => line.StartsWith(ChardevName, StringComparison.Ordinal))?[ChardevName.Length..].Trim();

    /// <summary>What a stub that waits for its client is opened with; null for one that has a client.</summary>
    public static string? DeviceOf(string found) => found.StartsWith(Unconnected, StringComparison.Ordinal) ? found[Unconnected.Length..] : null;
}
