namespace VmiPl.Language.Model;

/// <summary>The fields of <c>ReadVMCS</c>. A stock KVM tells user space some of them only; the checker refuses the others.</summary>
public enum VmcsField
{
    /// <summary>VM_EXIT_REASON.</summary>
    ExitReason,
    /// <summary>VM_EXIT_INTR_INFO.</summary>
    InterruptInformation,
    /// <summary>EXIT_QUALIFICATION.</summary>
    ExitQualification,
}
