namespace VmiPl.Machines;

/// <summary>What a machine is doing, as far as can be told.</summary>
public enum MachineState
{
    /// <summary>There is no monitor to ask.</summary>
    Unknown,
    /// <summary>vCPUs run.</summary>
    Running,
    /// <summary>Stopped by an operator, a debugger, a snapshot or a migration.</summary>
    Paused,
    /// <summary>The guest has shut down or panicked and QEMU waits.</summary>
    Stopped,
    /// <summary>A dump file: it never runs.</summary>
    Dump,
    /// <summary>The QEMU process is gone.</summary>
    Lost,
}
