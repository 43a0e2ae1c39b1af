using System.Management.Automation;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Registers;

/// <summary><c>Get-VmiRegister</c>: the registers of a machine's vCPUs.</summary>
[Cmdlet(VerbsCommon.Get, "VmiRegister")]
[OutputType(typeof(VcpuRegisters))]
public sealed class GetVmiRegisterCommand : MachineCommand
{
    /// <summary>Indexes of vCPUs, from 0; all where left out.</summary>
    [Parameter(Position = 1)]
    [ValidateRange(0, int.MaxValue)]
    public int[]? Vcpu { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        IReadOnlyList<VcpuRegisters> all = EngineAccess.ReadRegisters(machine);
        foreach (VcpuRegisters registers in all)
        {
            if (Vcpu is null || Vcpu.Contains(registers.Vcpu))
                WriteObject(registers);
        }
        foreach (int index in Vcpu ?? [])
        {
            if (!all.Any(registers => registers.Vcpu == index))
                Report(new VmiException(VmiErrorCode.InvalidArgument, $"'{machine.Name}' has no vCPU {index}; it has {all.Count}."), machine);
        }
    }
}
