using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>Finds the guest's kernel: a page table that maps it, and the image. First through the vCPUs' registers, then, where
/// there are none or they lead nowhere, by what a kernel leaves in physical memory. Every candidate is believed only when
/// the kernel's banner can be read through it. Stateless.</summary>
public static class KernelLocator
{
    /// <summary>Finds the kernel. <paramref name="registers"/> may be empty (a dump, a machine without monitor). Throws
    /// <see cref="VmiErrorCode.KernelNotFound"/> with the reason in words.</summary>
    public static KernelLocation Locate(IGuestMemory memory, IReadOnlyList<VcpuRegisters> registers, VmiLimits? limits = null)
    {
        limits ??= VmiLimits.Default;
        foreach (RootCandidate candidate in RootCandidate.FromRegisters(registers))
        {
            if (TryVerify(memory, candidate, limits, out KernelLocation? location))
                return location;
        }
        foreach (RootCandidate candidate in PhysicalScan.Find(memory))
        {
            if (TryVerify(memory, candidate, limits, out KernelLocation? location))
                return location;
        }
        throw new VmiException(VmiErrorCode.KernelNotFound, Explain(registers));
    }

    /// <summary>Whether a page table leads to a kernel image that shows a banner.</summary>
    internal static bool TryVerify(IGuestMemory memory, RootCandidate candidate, VmiLimits limits, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out KernelLocation? location)
    {
        try
        {
            foreach (KernelLocation possible in ImageFinder.Find(memory, candidate, limits))
            {
                if (KernelBanner.TryFind(KernelImage.Open(memory, possible, limits), out _, out _))
                {
                    location = possible;
                    return true;
                }
            }
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.LimitExceeded)
        {
            // Tables that describe endless memory are no kernel's.
        }
        location = null;
        return false;
    }

    private static string Explain(IReadOnlyList<VcpuRegisters> registers)
    {
        const string None = "No Linux kernel was found in the guest's memory";
        if (registers.Count == 0)
            return $"{None}. It may still be in its firmware or boot loader, run another system, or have its memory encrypted.";
        VcpuRegisters first = registers[0];
        string mode = RootCandidate.ModeOf(first) switch
        {
            PagingMode.None when (first.Cr0 & 1) == 0 => "in real mode",
            PagingMode.None => "in protected mode without paging",
            PagingMode.Legacy32 => "in 32-bit paging",
            PagingMode.Pae => "in PAE paging",
            _ => "in long mode",
        };
        return $"{None}. vCPU {first.Vcpu} is {mode} at 0x{first.Rip:x}: the guest may still be in its firmware or boot loader, or run another system.";
    }
}
