namespace VmiPl.Compilation.Bytecode;

/// <summary>What the record of an exit to the hypervisor's user space tells (<c>struct kvm_run</c>, Documentation/virt/kvm/api.rst §5),
/// under the names that the language has for it. The numbers are part of the shim's ABI.</summary>
public enum ExitField
{
    /// <summary>VM_EXIT_REASON: <c>exit_reason</c>, a <c>KVM_EXIT_*</c> number.</summary>
    ExitReason = 0,
    /// <summary>VM_EXIT_INTR_INFO: <c>debug.arch.exception</c>, the vector; there on a debug exit only.</summary>
    InterruptInformation = 1,
    /// <summary>EXIT_QUALIFICATION: <c>debug.arch.dr6</c>; there on a debug exit only.</summary>
    ExitQualification = 2,
}
