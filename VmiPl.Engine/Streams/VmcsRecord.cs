namespace VmiPl.Streams;

/// <summary>What the exit to the hypervisor's user space told. A field that the script does not ask for, or that this exit does not carry, is null.</summary>
public sealed record VmcsRecord : VmiRecord
{
    /// <summary>VM_EXIT_REASON: a <c>KVM_EXIT_*</c> number.</summary>
    public ulong? ExitReason { get; init; }
    /// <summary>VM_EXIT_INTR_INFO: the vector of a debug exit.</summary>
    public ulong? InterruptInformation { get; init; }
    /// <summary>EXIT_QUALIFICATION: DR6 of a debug exit.</summary>
    public ulong? ExitQualification { get; init; }
}
