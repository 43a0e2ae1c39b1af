using System.Collections.Frozen;
using VmiPl.Language.Model;

namespace VmiPl.Language.Tables;

/// <summary>The fields of <c>ReadVMCS</c> that the published language has, with those that cannot be given.</summary>
public static class VmcsFieldTable
{
    private const string NotHandedOut = "KVM does not hand this field to user space, and a patched KVM is not asked for";

    /// <summary>Fields that are given: those that KVM's exit record carries.</summary>
    public static IReadOnlyDictionary<string, VmcsField> Given { get; } = new Dictionary<string, VmcsField>
    {
        ["VM_EXIT_REASON"] = VmcsField.ExitReason,
        ["VM_EXIT_INTR_INFO"] = VmcsField.InterruptInformation,
        ["EXIT_QUALIFICATION"] = VmcsField.ExitQualification,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>Fields that are refused, with the reason.</summary>
    public static IReadOnlyDictionary<string, string> Refused { get; } = new Dictionary<string, string>
    {
        ["VIRTUAL_PROCESSOR_ID"] = NotHandedOut,
        ["VM_EXIT_INTR_ERROR_CODE"] = NotHandedOut,
        ["IDT_VECTORING_INFO_FIELD"] = NotHandedOut,
        ["IDT_VECTORING_ERROR_CODE"] = NotHandedOut,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
}
