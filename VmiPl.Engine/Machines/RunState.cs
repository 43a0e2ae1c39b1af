namespace VmiPl.Machines;

/// <summary>QEMU's run states (qapi/run-state.json, RunState) in our words.</summary>
internal static class RunState
{
    /// <summary>What a state's QEMU name means here; a name that is not known yet is <see cref="MachineState.Unknown"/>.</summary>
    public static MachineState FromName(string name) => name switch
    {
        "running" => MachineState.Running,
        "paused" or "prelaunch" or "debug" or "inmigrate" or "postmigrate" or "finish-migrate" or "save-vm" or "restore-vm"
            or "suspended" or "watchdog" or "io-error" or "colo" => MachineState.Paused,
        "shutdown" or "guest-panicked" or "internal-error" => MachineState.Stopped,
        _ => MachineState.Unknown,
    };

    /// <summary>The state in the human monitor's <c>info status</c>: <c>VM status: running</c>, <c>VM status: paused
    /// (prelaunch)</c> (seen in 7.2, 10.0, 11.1).</summary>
    public static MachineState FromText(string text)
    {
        const string Label = "VM status:";
        int start = text.IndexOf(Label, StringComparison.Ordinal);
        if (start < 0)
            return MachineState.Unknown;
        string line = text[(start + Label.Length)..].Split('\n')[0].Trim();
        int open = line.IndexOf('(', StringComparison.Ordinal), close = line.IndexOf(')', StringComparison.Ordinal);
        return open >= 0 && close > open ? FromName(line[(open + 1)..close]) : FromName(line.Split(' ')[0]);
    }
}
