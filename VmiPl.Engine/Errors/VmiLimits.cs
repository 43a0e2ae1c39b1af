namespace VmiPl.Errors;

/// <summary>Every bound on walks over guest data. The guest is untrusted: no loop over its data runs without one of these,
/// and each has a test in which a hostile guest reaches it. Immutable; share freely between threads.</summary>
public sealed record VmiLimits
{
    /// <summary>The bounds used where none are given.</summary>
    public static VmiLimits Default { get; } = new();

    /// <summary>Tasks (threads included) taken from one guest before a list is cut and marked partial; fewer where the guest's
    /// memory could not hold so many. Linux allows 4,194,304 ids (PID_MAX_LIMIT) but starts out with 32,768.</summary>
    public int MaxTasks { get; init; } = 1_048_576;

    /// <summary>Wall time of one process list, after which it is cut and marked partial.</summary>
    public TimeSpan MaxListTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Components of one path, mount hops included.</summary>
    public int MaxPathComponents { get; init; } = 512;

    /// <summary>Bytes of one path (Linux: PATH_MAX 4096 for one system call; a dentry chain can be longer).</summary>
    public int MaxPathBytes { get; init; } = 16 * 1024;

    /// <summary>Bytes of one string read from the guest where the caller gives no smaller number.</summary>
    public int MaxStringBytes { get; init; } = 64 * 1024;

    /// <summary>Kernel modules listed.</summary>
    public int MaxModules { get; init; } = 4096;

    /// <summary>Numbers of system calls looked up in a kernel (Linux 7.2 has them up to 470, x32's end at 547).</summary>
    public int MaxSyscalls { get; init; } = 1024;

    /// <summary>Kernel symbols decoded (Linux 6.12 has about 210,000 with every module loaded).</summary>
    public int MaxSymbols { get; init; } = 2_000_000;

    /// <summary>Bytes of one BTF blob (Linux 6.12: about 6 MiB).</summary>
    public int MaxBtfBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Types in one BTF blob.</summary>
    public int MaxBtfTypes { get; init; } = 4_000_000;

    /// <summary>Bytes of kernel image searched for tables.</summary>
    public long MaxKernelImageBytes { get; init; } = 512L * 1024 * 1024;

    /// <summary>Page-table entries visited by one walk over an address range.</summary>
    public int MaxPageTableEntries { get; init; } = 16 * 1024 * 1024;

    /// <summary>Addresses noted for one descriptor table (Linux has about four).</summary>
    public int MaxTableAliases { get; init; } = 4096;

    /// <summary>Bytes that one read command hands out.</summary>
    public int MaxReadBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Segments of one dump file's header. QEMU's <c>paging</c> dump of a 256 MiB Linux guest has 65,856: the kernel
    /// maps its espfix stacks 65,536 times.</summary>
    public int MaxDumpSegments { get; init; } = 1024 * 1024;

    /// <summary>Bytes of one monitor message.</summary>
    public int MaxMonitorMessageBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Time a monitor may take for a greeting or an answer.</summary>
    public TimeSpan MonitorTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Time from the start of a QEMU until its monitor answers; one that has much memory to bring in first needs long.</summary>
    public TimeSpan MaxStartTime { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Time the shim in QEMU may take for an answer: to put sites in it waits until each vCPU has left the guest.</summary>
    public TimeSpan ShimTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of one answer or notice of the shim (the longest, <c>vmi_call</c>, has 216).</summary>
    public int MaxShimMessageBytes { get; init; } = 64 * 1024;

    /// <summary>Notices of the shim that wait to be dealt with: four for each vCPU that there can be.</summary>
    public int MaxShimNotices { get; init; } = 2048;

    /// <summary>Bytes of the ring in which the shim hands out records; a power of two, 64 KiB to 256 MiB.</summary>
    public int ShimRingBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Longest time for which a vCPU waits for this process to deal with a module that the guest loads, or to say what it did to memory.</summary>
    public TimeSpan ShimAnswerTime { get; init; } = TimeSpan.FromSeconds(2);
}
