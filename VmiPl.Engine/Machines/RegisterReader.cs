using VmiPl.Errors;

namespace VmiPl.Machines;

/// <summary>Reads the registers of a machine's vCPUs.</summary>
public static class RegisterReader
{
    /// <summary>The registers of all vCPUs, in ascending order of their indexes: those that a dump holds, or those of this moment,
    /// for which QEMU stops each vCPU for an instant. Throws
    /// <c>MonitorUnavailable</c> where the machine has no monitor, <c>MonitorProtocol</c> where QEMU's answer has no registers
    /// of an x86 vCPU in it, and what <see cref="IMachineMonitor"/> throws.</summary>
    public static IReadOnlyList<VcpuRegisters> Read(VmiMachine machine)
    {
        if (machine.SavedRegisters.Count > 0)
            return machine.SavedRegisters;
        IReadOnlyList<VcpuRegisters> vcpus = RegisterText.Parse(machine.GetMonitor().HumanCommand("info registers -a"), machine.Name);
        return vcpus.Count > 0 ? vcpus
            : throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU's answer holds no registers of '{machine.Name}' that can be understood.", machine.Name);
    }
}
