namespace VmiPl.Probes;

/// <summary>What makes a session's probes run.</summary>
public enum SessionDriver
{
    /// <summary>The shim where the machine runs under KVM and the shim can be had, else QEMU's gdbstub.</summary>
    Auto,
    /// <summary>The shim, a library in QEMU that runs probes in the vCPU's own thread; KVM only.</summary>
    Shim,
    /// <summary>QEMU's gdbstub, which stops the whole machine for each event.</summary>
    GdbStub,
}
