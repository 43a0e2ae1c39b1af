using VmiPl.Machines;
using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>A page table that may map the kernel.</summary>
internal readonly record struct RootCandidate(PagingMode Mode, GuestPhysicalAddress Root)
{
    private const ulong PagingEnabled = 1UL << 31, Pae = 1UL << 5, FiveLevels = 1UL << 12, LongModeActive = 1UL << 10;

    // With page-table isolation a process has two top tables side by side, the kernel's first; bit 12 of CR3 tells them
    // apart (arch/x86/include/asm/pgtable.h, PTI_PGTABLE_SWITCH_BIT).
    private const ulong IsolationBit = 0x1000;

    /// <summary>How a vCPU translates addresses at the moment.</summary>
    public static PagingMode ModeOf(VcpuRegisters registers) => ModeOf(registers.Cr0, registers.Cr4, registers.Efer);

    /// <summary>How a vCPU with these control registers translates addresses.</summary>
    public static PagingMode ModeOf(ulong cr0, ulong cr4, ulong efer)
    {
        if ((cr0 & PagingEnabled) == 0)
            return PagingMode.None;
        if ((cr4 & Pae) == 0)
            return PagingMode.Legacy32;
        if ((efer & LongModeActive) == 0)
            return PagingMode.Pae;
        return (cr4 & FiveLevels) != 0 ? PagingMode.FiveLevel : PagingMode.FourLevel;
    }

    /// <summary>The tables that the vCPUs use, kernel halves first. Where there is no isolation, the table with the bit
    /// cleared is somebody else's page; the check that follows finds out.</summary>
    public static IEnumerable<RootCandidate> FromRegisters(IReadOnlyList<VcpuRegisters> registers)
    {
        var seen = new HashSet<RootCandidate>();
        foreach (ulong cleared in (ulong[])[IsolationBit, 0])
        {
            foreach (VcpuRegisters vcpu in registers)
            {
                PagingMode mode = ModeOf(vcpu);
                var candidate = new RootCandidate(mode, new GuestPhysicalAddress(vcpu.Cr3 & PageTableWalker.RootMask(mode) & ~cleared));
                if (mode != PagingMode.None && seen.Add(candidate))
                    yield return candidate;
            }
        }
    }
}
