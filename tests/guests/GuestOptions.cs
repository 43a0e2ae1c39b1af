namespace VmiPl.TestGuests;

/// <summary>What backs the guest's RAM.</summary>
public enum RamBackend
{
    /// <summary>QEMU's private anonymous memory: the default of every QEMU.</summary>
    Private,
    /// <summary>A memfd, <c>share=on</c>.</summary>
    SharedMemfd,
    /// <summary>A file, <c>share=on</c>.</summary>
    SharedFile,
}

/// <summary>What runs the guest's instructions.</summary>
public enum GuestAccelerator
{
    /// <summary>QEMU's own emulation; no rights needed.</summary>
    Tcg,
    /// <summary>The kernel's <c>/dev/kvm</c>, with the host's CPU model in place of <c>max</c>.</summary>
    Kvm,
}

/// <summary>The guest's monitor.</summary>
public enum MonitorKind
{
    /// <summary>None at all.</summary>
    None,
    /// <summary>QMP (JSON) on a Unix socket.</summary>
    Qmp,
    /// <summary>The human monitor (text) on a Unix socket.</summary>
    Hmp,
}

/// <summary>How a guest is made. The defaults are a plain small one; equal options mean interchangeable guests.</summary>
public sealed record GuestOptions
{
    /// <summary>The kernel that it boots.</summary>
    public GuestKernel Kernel { get; init; } = GuestKernel.Amd64_6_1;
    /// <summary>Whether the kernel lies at a random address.</summary>
    public bool Kaslr { get; init; } = true;
    /// <summary>Whether page-table isolation is on.</summary>
    public bool PageTableIsolation { get; init; }
    /// <summary>Whether the CPU has 5-level paging (Debian's 64-bit kernels use it then).</summary>
    public bool FiveLevelPaging { get; init; }
    /// <summary>Number of vCPUs.</summary>
    public int Vcpus { get; init; } = 1;
    /// <summary>RAM in MiB.</summary>
    public int MemoryMiB { get; init; } = 512;
    /// <summary>QEMU's machine type: <c>pc</c> (i440fx) or <c>q35</c>.</summary>
    public string Machine { get; init; } = "pc";
    /// <summary>What runs it: KVM where <c>VMIPL_ACCELERATOR</c> is <c>kvm</c> (as it is in the <see cref="KvmLab"/>), else TCG.</summary>
    public GuestAccelerator Accelerator { get; init; } =
        Environment.GetEnvironmentVariable("VMIPL_ACCELERATOR") == "kvm" ? GuestAccelerator.Kvm : GuestAccelerator.Tcg;
    /// <summary>What backs the RAM.</summary>
    public RamBackend Ram { get; init; } = RamBackend.Private;
    /// <summary>The monitor.</summary>
    public MonitorKind Monitor { get; init; } = MonitorKind.Qmp;
    /// <summary>Whether every vCPU is held in user mode by a process that spins, once the guest is up.</summary>
    public bool Spinning { get; init; }
    /// <summary>How many idle processes it has besides the named ones; 178 make about 270 tasks with one vCPU.</summary>
    public int ExtraProcesses { get; init; }
    /// <summary>QEMU's <c>-name</c>; null for a name of its own.</summary>
    public string? Name { get; init; }
    /// <summary>The CPU model.</summary>
    public string CpuModel { get; init; } = "max";
    /// <summary>More words for the kernel's command line.</summary>
    public string KernelArguments { get; init; } = "";
    /// <summary>More arguments for QEMU, separated by spaces, such as <c>-device virtio-net-pci,netdev=n -netdev user,id=n,restrict=on</c>.</summary>
    public string QemuArguments { get; init; } = "";
    /// <summary>More modules for the guest to load, separated by spaces, such as <c>virtio_net atkbd</c>.</summary>
    public string Modules { get; init; } = "";
    /// <summary>Whether it has the module <c>vmipl_test</c>, to be loaded with <c>insmod vmipl_test</c>; needs make and the kernel's
    /// headers, which are fetched.</summary>
    public bool TestModule { get; init; }
    /// <summary>The QEMU program; null for <c>VMIPL_QEMU</c>, else <c>qemu-system-x86_64</c> on the PATH.</summary>
    public string? Qemu { get; init; }
    /// <summary>A library for QEMU's <c>LD_PRELOAD</c>; as <c>VMIPL_PRELOAD</c> says, else none.</summary>
    public string? Preload { get; init; } = Environment.GetEnvironmentVariable("VMIPL_PRELOAD");
    /// <summary>QEMU's <c>-L</c>, for one that lies unpacked somewhere; null for its own.</summary>
    public string? QemuDataFolder { get; init; }
    /// <summary>How long booting, and each command, may take before the guest is given up.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);
}
