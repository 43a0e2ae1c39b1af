using System.Collections.Frozen;

namespace VmiPl.Language.Tables;

/// <summary>Model specific registers by name, in any case. Names and numbers are those of Linux,
/// <c>arch/x86/include/asm/msr-index.h</c>; each is also known without its <c>IA32_</c> and with <c>MSR_</c> in its place.</summary>
public static class MsrTable
{
    private static readonly (string Name, uint Number)[] Known =
    [
        ("IA32_TSC", 0x10), ("IA32_APIC_BASE", 0x1b), ("IA32_FEAT_CTL", 0x3a), ("IA32_TSC_ADJUST", 0x3b), ("IA32_SPEC_CTRL", 0x48),
        ("IA32_PRED_CMD", 0x49), ("IA32_BIOS_UPDT_TRIG", 0x79), ("IA32_BIOS_SIGN_ID", 0x8b), ("IA32_ARCH_CAPABILITIES", 0x10a),
        ("IA32_FLUSH_CMD", 0x10b), ("IA32_TSX_CTRL", 0x122), ("IA32_SYSENTER_CS", 0x174), ("IA32_SYSENTER_ESP", 0x175),
        ("IA32_SYSENTER_EIP", 0x176), ("IA32_MCG_CAP", 0x179), ("IA32_MCG_STATUS", 0x17a), ("IA32_MCG_CTL", 0x17b),
        ("IA32_MISC_ENABLE", 0x1a0), ("IA32_DEBUGCTL", 0x1d9), ("IA32_PAT", 0x277), ("IA32_PERF_GLOBAL_CTRL", 0x38f),
        ("IA32_DS_AREA", 0x600), ("IA32_U_CET", 0x6a0), ("IA32_S_CET", 0x6a2), ("IA32_TSC_DEADLINE", 0x6e0), ("IA32_XSS", 0xda0),
        ("IA32_EFER", 0xc0000080), ("IA32_STAR", 0xc0000081), ("IA32_LSTAR", 0xc0000082), ("IA32_CSTAR", 0xc0000083),
        ("IA32_SYSCALL_MASK", 0xc0000084), ("IA32_FMASK", 0xc0000084), ("IA32_SFMASK", 0xc0000084), ("IA32_FS_BASE", 0xc0000100),
        ("IA32_GS_BASE", 0xc0000101), ("IA32_KERNEL_GS_BASE", 0xc0000102), ("IA32_TSC_AUX", 0xc0000103),
        ("KVM_WALL_CLOCK_NEW", 0x4b564d00), ("KVM_SYSTEM_TIME_NEW", 0x4b564d01), ("KVM_ASYNC_PF_EN", 0x4b564d02),
        ("KVM_STEAL_TIME", 0x4b564d03), ("KVM_PV_EOI_EN", 0x4b564d04),
    ];

    /// <summary>Every name with its number.</summary>
    public static IReadOnlyDictionary<string, uint> ByName { get; } = Make().ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>One name for each register, as the architecture has it.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Known.DistinctBy(known => known.Number).Select(known => known.Name)];

    private static Dictionary<string, uint> Make()
    {
        var names = new Dictionary<string, uint>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, uint number) in Known)
        {
            string plain = name.StartsWith("IA32_", StringComparison.Ordinal) ? name["IA32_".Length..] : name;
            names[name] = number;
            names[plain] = number;
            names["MSR_" + plain] = number;
            names["MSR_" + name] = number;
        }
        return names;
    }
}
