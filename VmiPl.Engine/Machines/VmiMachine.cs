using VmiPl.Errors;
using VmiPl.Machines.Processes;
using VmiPl.Memory;

namespace VmiPl.Machines;

/// <summary>A running QEMU machine, or a dump of one. Owns its memory source and its monitor connection; dispose it to close
/// them (QEMU and the guest go on). Its members may be used from several threads.</summary>
public sealed class VmiMachine : IDisposable
{
    private readonly Lazy<IGuestMemory> _memory;
    private readonly Lazy<IMachineMonitor?> _monitor;
    private readonly VmiLimits _limits;

    /// <summary>Makes a machine of its parts. Neither factory is called before its part is needed; both report what fails
    /// by <see cref="VmiException"/>, and a failed one is tried again at the next use.</summary>
    internal VmiMachine(string name, Func<VmiMachine, IGuestMemory> memory, Func<VmiMachine, IMachineMonitor?> monitor, VmiLimits? limits = null)
    {
        Name = name;
        _limits = limits ?? VmiLimits.Default;
        _memory = new Lazy<IGuestMemory>(() => memory(this), LazyThreadSafetyMode.PublicationOnly);
        _monitor = new Lazy<IMachineMonitor?>(() => monitor(this), LazyThreadSafetyMode.PublicationOnly);
    }

    /// <summary>The name given with QEMU's <c>-name</c>, else <c>qemu-PID</c>, or a dump's file name.</summary>
    public string Name { get; }

    /// <summary>The QEMU process, held so that a later one of the same id is never taken for it; owned. Null for a dump and for
    /// a machine that is known by its monitor alone.</summary>
    internal ProcessIdentity? Process { get; init; }

    /// <summary>The QEMU process; null for a dump, and where the process can't be seen from here.</summary>
    public int? ProcessId { get; internal init; }

    /// <summary><c>kvm</c>, <c>tcg</c>, another accelerator's QEMU name, or <c>none</c> for a dump.</summary>
    public string Accelerator { get; internal init; } = "none";

    /// <summary>Number of vCPUs; 0 where it can't be told.</summary>
    public int VcpuCount { get; internal set; }

    /// <summary>Bytes of guest RAM; 0 where it can't be told.</summary>
    public ulong MemoryBytes { get; internal set; }

    /// <summary>The emulated architecture as QEMU calls it: <c>x86_64</c>, <c>i386</c>, <c>aarch64</c>…</summary>
    public string Architecture { get; internal set; } = "";

    /// <summary>The guest kernel's release (<c>uname -r</c>); null until a kernel was looked for and found.</summary>
    public string? KernelRelease { get; internal set; }

    /// <summary>How memory is reached; <see cref="VmiPl.Memory.MemoryAccess.None"/> where no way works.</summary>
    public MemoryAccess MemoryAccess
    {
        get
        {
            try
            {
                return Memory.Access;
            }
            catch (VmiException)
            {
                return MemoryAccess.None;
            }
        }
    }

    /// <summary>The monitor that serves or could serve, in words: a socket's path, <c>virsh DOMAIN</c>; null where there is none.</summary>
    public string? Monitor { get; internal set; }

    /// <summary>The registers that a dump holds, one entry for each vCPU; empty for a running machine and where a dump has none.</summary>
    public IReadOnlyList<VcpuRegisters> SavedRegisters { get; internal init; } = [];

    /// <summary>The run state, asked for at each call; never throws.</summary>
    public MachineState State
    {
        get
        {
            try
            {
                return QueryState();
            }
            catch (VmiException e)
            {
                return e.Code == VmiErrorCode.MachineLost ? MachineState.Lost : MachineState.Unknown;
            }
        }
    }

    /// <summary>The guest's physical memory; an operation asks for it when it begins, which is when it learns that the process is
    /// gone. Throws <c>MemoryUnavailable</c>, <c>AccessDenied</c> or <c>MachineLost</c>.</summary>
    public IGuestMemory GetMemory()
    {
        Process?.Demand();
        return Memory;
    }

    /// <summary>The monitor, connected on first use. Throws <c>MonitorUnavailable</c> where there is none, or why it can't be used.</summary>
    public IMachineMonitor GetMonitor() =>
        _monitor.Value ?? throw new VmiException(
            VmiErrorCode.MonitorUnavailable, $"Machine '{Name}' has no monitor that can be reached.", Name);

    /// <summary>The monitor, or null where there is none. Throws why one that is there can't be used.</summary>
    internal IMachineMonitor? MonitorOrNone() => _monitor.Value;

    /// <summary>The run state. Throws what <see cref="GetMonitor"/> throws, except that a machine without monitor is
    /// <see cref="MachineState.Unknown"/>.</summary>
    public MachineState QueryState()
    {
        if (Process is { } process && !process.IsAlive())
            return MachineState.Lost;
        if (_monitor.Value is { } monitor)
            return monitor.QueryState();
        return ProcessId is null ? MachineState.Dump : MachineState.Unknown;
    }

    /// <summary>The bounds that apply to this machine.</summary>
    public VmiLimits Limits => _limits;

    private IGuestMemory Memory => _memory.Value;

    /// <summary>Closes memory and monitor where they were opened.</summary>
    public void Dispose()
    {
        if (_memory.IsValueCreated)
            (_memory.Value as IDisposable)?.Dispose();
        if (_monitor.IsValueCreated)
            _monitor.Value?.Dispose();
        Process?.Dispose();
    }
}
