namespace VmiPl.Errors;

/// <summary>What went wrong, in terms a caller can act on. The module maps each code to an error id, a category and a
/// recommended action; a test holds that table complete.</summary>
public enum VmiErrorCode
{
    /// <summary>No running machine, process, socket or file answers to the given name.</summary>
    MachineNotFound,
    /// <summary>The machine was there and is gone: QEMU exited, was killed, or the dump file was truncated under us.</summary>
    MachineLost,
    /// <summary>The operating system does not let this user read or write that process, socket or file.</summary>
    AccessDenied,
    /// <summary>The operation needs a QEMU monitor and the machine has none that can be reached.</summary>
    MonitorUnavailable,
    /// <summary>The monitor exists but another client holds it.</summary>
    MonitorBusy,
    /// <summary>The monitor answered something that is not its protocol, or answered with an error.</summary>
    MonitorProtocol,
    /// <summary>Something that was waited for did not happen in time.</summary>
    Timeout,
    /// <summary>No way to the guest's memory works.</summary>
    MemoryUnavailable,
    /// <summary>An address is not mapped or not backed by memory.</summary>
    AddressUnreadable,
    /// <summary>An address cannot be written, or the way to memory in use is read-only.</summary>
    AddressUnwritable,
    /// <summary>No kernel that this module understands was found in the guest's memory.</summary>
    KernelNotFound,
    /// <summary>The guest's kernel has no such symbol.</summary>
    SymbolNotFound,
    /// <summary>A type, member or symbol that the operation needs was not found in this guest.</summary>
    ProfileIncomplete,
    /// <summary>The guest has no such process.</summary>
    ProcessNotFound,
    /// <summary>A dump file is damaged or of an unknown format.</summary>
    DumpInvalid,
    /// <summary>Guest data contradicts itself: a loop, a cut table, an impossible size.</summary>
    GuestDataInvalid,
    /// <summary>A bound of <see cref="VmiLimits"/> was reached.</summary>
    LimitExceeded,
    /// <summary>An argument is not of the form that the operation takes.</summary>
    InvalidArgument,
    /// <summary>The operation does not apply to this kind of machine (for example, resuming a dump).</summary>
    NotSupported,
    /// <summary>The guardian, the small program that frees the guest should this process die, could not be found or started, or
    /// has ended.</summary>
    GuardianUnavailable,
    /// <summary>QEMU's gdbstub, of which it has one, is in use by another client.</summary>
    StubBusy,
    /// <summary>The connection to QEMU's gdbstub was there and is gone, while the machine may still run.</summary>
    StubLost,
    /// <summary>An event cannot be trapped on this machine, or no more of its kind can be.</summary>
    TrapRefused,
    /// <summary>The guest runs another kernel than the one that was looked at: it has booted again.</summary>
    GuestChanged,
    /// <summary>Probes run on the machine already.</summary>
    ProbeRunning,
    /// <summary>There is no such probe session, or no such probe in it.</summary>
    ProbeNotFound,
    /// <summary>A probe session has no such stream.</summary>
    StreamNotFound,
    /// <summary>The shim, the library in QEMU that runs probes in the vCPU's own thread, is missing or can't be had on this machine.</summary>
    ShimUnavailable,
    /// <summary>The connection to the shim in QEMU is gone, or it has broken its protocol; the shim has put the guest back by itself.</summary>
    ShimLost,
    /// <summary>A file could not be read or written, or the disk is full.</summary>
    FileFailure,
    /// <summary>No QEMU was found to be started, or what was named can't be executed.</summary>
    QemuUnavailable,
    /// <summary>QEMU was started and has ended before its monitor answered.</summary>
    StartFailed,
}
