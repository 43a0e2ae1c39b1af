using System.Management.Automation;
using VmiPl.Errors;

namespace VmiPl.Commands.Errors;

/// <summary>The one table from the Engine's error codes to PowerShell's error records. The id is the code's own name.</summary>
public static class ErrorTable
{
    private static readonly Dictionary<VmiErrorCode, ErrorEntry> Entries = new()
    {
        [VmiErrorCode.MachineNotFound] = Entry(VmiErrorCode.MachineNotFound, ErrorCategory.ObjectNotFound,
            "Get-VmiMachine lists the machines that run on this host; Connect-VmiMachine opens a monitor socket, a libvirt domain or a dump."),
        [VmiErrorCode.MachineLost] = Entry(VmiErrorCode.MachineLost, ErrorCategory.ConnectionError,
            "The QEMU process has ended or the dump was cut. Once the machine runs again, repeat the command with its name."),
        [VmiErrorCode.AccessDenied] = Entry(VmiErrorCode.AccessDenied, ErrorCategory.PermissionDenied,
            "Run as the user that QEMU runs as, or with CAP_SYS_PTRACE (and kernel.yama.ptrace_scope permitting); or use a monitor socket that this user may open."),
        [VmiErrorCode.MonitorUnavailable] = Entry(VmiErrorCode.MonitorUnavailable, ErrorCategory.ResourceUnavailable,
            "Start QEMU with -qmp unix:PATH,server=on,wait=off, or, for a guest of libvirt, Connect-VmiMachine -LibvirtDomain NAME."),
        [VmiErrorCode.MonitorBusy] = Entry(VmiErrorCode.MonitorBusy, ErrorCategory.ResourceBusy,
            "A monitor serves one client at a time: end the other one, or give QEMU a second -qmp socket."),
        [VmiErrorCode.MonitorProtocol] = Entry(VmiErrorCode.MonitorProtocol, ErrorCategory.ProtocolError,
            "Check that the socket is a QEMU monitor (QMP), and that this QEMU knows the command named in the message."),
        [VmiErrorCode.Timeout] = Entry(VmiErrorCode.Timeout, ErrorCategory.OperationTimeout,
            "QEMU did not answer in time: it may be busy (migration, snapshot, a loaded host). Try again."),
        [VmiErrorCode.MemoryUnavailable] = Entry(VmiErrorCode.MemoryUnavailable, ErrorCategory.ResourceUnavailable,
            "Run as the user that QEMU runs as or with CAP_SYS_PTRACE, or give QEMU a monitor socket."),
        [VmiErrorCode.AddressUnreadable] = Entry(VmiErrorCode.AddressUnreadable, ErrorCategory.ReadError,
            "The address is not mapped in this address space or has no memory behind it. Check -ProcessId and -Physical; a page may also be swapped out."),
        [VmiErrorCode.AddressUnwritable] = Entry(VmiErrorCode.AddressUnwritable, ErrorCategory.WriteError,
            "The address is not mapped, or this way to memory is read-only (a dump, a monitor): see MemoryAccess of the machine."),
        [VmiErrorCode.KernelNotFound] = Entry(VmiErrorCode.KernelNotFound, ErrorCategory.ObjectNotFound,
            "The guest may still be booting, or run something else than Linux on x86. Physical memory and registers can be read nevertheless."),
        [VmiErrorCode.SymbolNotFound] = Entry(VmiErrorCode.SymbolNotFound, ErrorCategory.ObjectNotFound,
            "Guest symbols are case-sensitive. Get-VmiSymbol MACHINE '*part*' searches."),
        [VmiErrorCode.ProfileIncomplete] = Entry(VmiErrorCode.ProfileIncomplete, ErrorCategory.ObjectNotFound,
            "This kernel lacks what the message names. Get-VmiProfile shows what was found."),
        [VmiErrorCode.ProcessNotFound] = Entry(VmiErrorCode.ProcessNotFound, ErrorCategory.ObjectNotFound,
            "Get-VmiProcessList shows the guest's processes; the process may have ended meanwhile."),
        [VmiErrorCode.DumpInvalid] = Entry(VmiErrorCode.DumpInvalid, ErrorCategory.InvalidData,
            "Give an ELF core (Save-VmiMemory, QMP dump-guest-memory without a compressed format), a raw image or a LiME file, whole and unpacked."),
        [VmiErrorCode.GuestDataInvalid] = Entry(VmiErrorCode.GuestDataInvalid, ErrorCategory.InvalidData,
            "The guest's data contradicts itself: a running guest changed it under the reader (try again, or Suspend-VmiMachine first), or the guest lies."),
        [VmiErrorCode.LimitExceeded] = Entry(VmiErrorCode.LimitExceeded, ErrorCategory.LimitsExceeded,
            "A safety bound was reached; what was found until then was given. Ask for less at once, or suspect the guest."),
        [VmiErrorCode.InvalidArgument] = Entry(VmiErrorCode.InvalidArgument, ErrorCategory.InvalidArgument,
            "See the help of the command for the forms that it takes."),
        [VmiErrorCode.NotSupported] = Entry(VmiErrorCode.NotSupported, ErrorCategory.InvalidOperation,
            "The command does not apply to this kind of machine."),
        [VmiErrorCode.GuardianUnavailable] = Entry(VmiErrorCode.GuardianUnavailable, ErrorCategory.ResourceUnavailable,
            "Probes run only where the guest is freed should PowerShell die. Check that native/vmi-guardian of the module is there and may be executed, and that nothing ends it."),
        [VmiErrorCode.StubBusy] = Entry(VmiErrorCode.StubBusy, ErrorCategory.ResourceBusy,
            "QEMU has one gdbstub: end the other gdb client or probe session (Get-VmiProbe, Stop-VmiProbe), then close it with the monitor command 'gdbserver none'."),
        [VmiErrorCode.StubLost] = Entry(VmiErrorCode.StubLost, ErrorCategory.ConnectionError,
            "Another client has taken QEMU's gdbstub, or QEMU has ended. Get-VmiMachine shows the machine's state; start the probes again."),
        [VmiErrorCode.TrapRefused] = Entry(VmiErrorCode.TrapRefused, ErrorCategory.ResourceUnavailable,
            "Under KVM the CPU has four debug registers for the whole script: watch less, disable a probe with Set-VmiProbe, or allow changes to the guest's code with -TrapKind Auto; the message says what stands in the way of each place."),
        [VmiErrorCode.GuestChanged] = Entry(VmiErrorCode.GuestChanged, ErrorCategory.InvalidOperation,
            "The guest has booted again. Start the probes again: symbols are looked up anew."),
        [VmiErrorCode.ProbeRunning] = Entry(VmiErrorCode.ProbeRunning, ErrorCategory.ResourceExists,
            "A machine runs one script at a time: change it with Set-VmiProbe, or end it with Stop-VmiProbe first."),
        [VmiErrorCode.ProbeNotFound] = Entry(VmiErrorCode.ProbeNotFound, ErrorCategory.ObjectNotFound,
            "Get-VmiProbe lists the sessions of this PowerShell, and each session's Probes its probes by id and label."),
        [VmiErrorCode.StreamNotFound] = Entry(VmiErrorCode.StreamNotFound, ErrorCategory.ObjectNotFound,
            "Get-VmiStream lists the streams that can be read. Records of a file output are in that file."),
        [VmiErrorCode.ShimUnavailable] = Entry(VmiErrorCode.ShimUnavailable, ErrorCategory.ResourceUnavailable,
            "Check that native/libvmi-shim.so and native/vmi-inject of the module are there. Probes by the shim need KVM and the right to trace QEMU (root or CAP_SYS_PTRACE; one's own processes with kernel.yama.ptrace_scope 0). -Driver GdbStub works without; -Driver Auto takes what there is."),
        [VmiErrorCode.ShimLost] = Entry(VmiErrorCode.ShimLost, ErrorCategory.ConnectionError,
            "The shim in QEMU has put the guest back by itself, or QEMU has ended: Get-VmiMachine shows the machine's state. Start the probes again."),
        [VmiErrorCode.FileFailure] = Entry(VmiErrorCode.FileFailure, ErrorCategory.WriteError,
            "Check the path, its permissions and the free space."),
        [VmiErrorCode.QemuUnavailable] = Entry(VmiErrorCode.QemuUnavailable, ErrorCategory.ObjectNotFound,
            "Install QEMU for x86 guests (Debian: qemu-system-x86, Fedora: qemu-system-x86-core, Red Hat Enterprise Linux: qemu-kvm), or name the program with -Qemu."),
        [VmiErrorCode.StartFailed] = Entry(VmiErrorCode.StartFailed, ErrorCategory.OpenError,
            "The message has QEMU's own words: correct the argument, or the line of the configuration file, that they name."),
    };

    /// <summary>The entry of a code. A code without one (an Engine newer than this table) gets a plain entry of its own name.</summary>
    public static ErrorEntry For(VmiErrorCode code) =>
        Entries.TryGetValue(code, out ErrorEntry? entry)
            ? entry
            : new ErrorEntry(code.ToString(), ErrorCategory.NotSpecified, "See the message.");

    /// <summary>Makes the error record of an Engine exception. <paramref name="target"/> is what the command worked on;
    /// without one it is what the exception names.</summary>
    public static ErrorRecord ToRecord(VmiException exception, object? target)
    {
        ErrorEntry entry = For(exception.Code);
        return new ErrorRecord(exception, entry.Id, entry.Category, target ?? exception.Target)
        {
            ErrorDetails = new ErrorDetails(exception.Message) { RecommendedAction = entry.RecommendedAction },
        };
    }

    private static ErrorEntry Entry(VmiErrorCode code, ErrorCategory category, string action) =>
        new(code.ToString(), category, action);
}
