using System.Runtime.Intrinsics.X86;

namespace VmiPl.Machines.Processes;

/// <summary>The processor that this process runs on.</summary>
internal static class HostCpu
{
    /// <summary>Whether it is a virtual machine's: CPUID leaf 1, ECX bit 31, which processors leave 0 for hypervisors to set.</summary>
    public static bool IsVirtual { get; } = X86Base.IsSupported && X86Base.CpuId(1, 0).Ecx < 0;
}
