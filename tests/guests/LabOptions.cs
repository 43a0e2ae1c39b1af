namespace VmiPl.TestGuests;

/// <summary>How the KVM lab runs a command.</summary>
public sealed record LabOptions
{
    /// <summary>The outer guest's kernel, whose own <c>kvm_amd</c> serves in there.</summary>
    public GuestKernel Kernel { get; init; } = GuestKernel.Amd64_6_1;
    /// <summary>vCPUs of the outer guest.</summary>
    public int Vcpus { get; init; } = 2;
    /// <summary>Its RAM in MiB; half of it at most holds the files that the command writes.</summary>
    public int MemoryMiB { get; init; } = 4096;
    /// <summary>A folder of the host that the command may write to, under the same path; null for none.</summary>
    public string? SharedFolder { get; init; }
    /// <summary>The command's working folder, which exists on the host.</summary>
    public string WorkingFolder { get; init; } = "/";
    /// <summary>More of the command's environment, as <c>NAME=value</c>; it has this process's own, and TMPDIR, VMIPL_LAB and
    /// VMIPL_ACCELERATOR of the lab's.</summary>
    public IReadOnlyList<string> Environment { get; init; } = [];
    /// <summary>Gets the command's output as it comes, on a thread of the pool.</summary>
    public Action<string>? Output { get; init; }
    /// <summary>How long all of it may take before the machine is ended.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>How a command in the KVM lab ended.</summary>
/// <param name="ExitCode">Its exit code; 128 and the signal's number if one ended it; 127 if it could not be started.</param>
/// <param name="Output">What it wrote to standard output and standard error.</param>
/// <param name="Duration">From the outer guest's start to its end.</param>
public sealed record LabResult(int ExitCode, string Output, TimeSpan Duration);
