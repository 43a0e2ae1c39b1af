using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Machines;

namespace VmiPl.Commands.Memory;

/// <summary>Base of the cmdlets that read and write memory: where.</summary>
public abstract class MemoryCommand : MachineCommand
{
    /// <summary>Parameter set of virtual addresses.</summary>
    protected const string VirtualSet = "Virtual";
    /// <summary>Parameter set of physical addresses.</summary>
    protected const string PhysicalSet = "Physical";
    private bool _processIdGiven;

    /// <summary>The address: a number, or a guest symbol with or without an offset.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [Alias("BaseAddress")]
    [ValidateNotNull]
    public AddressArgument Address { get; set; } = null!;

    /// <summary>Whether the address is virtual, which it is where nothing is said.</summary>
    [Parameter(ParameterSetName = VirtualSet)]
    public SwitchParameter Virtual { get; set; }

    /// <summary>Whether the address is physical.</summary>
    [Parameter(ParameterSetName = PhysicalSet, Mandatory = true)]
    public SwitchParameter Physical { get; set; }

    /// <summary>The guest's process whose address space is meant; the kernel's where left out.</summary>
    [Parameter(ParameterSetName = VirtualSet, ValueFromPipelineByPropertyName = true)]
    public int? ProcessId { get; set; }

    /// <inheritdoc/>
    protected override void Begin() => _processIdGiven = MyInvocation.BoundParameters.ContainsKey(nameof(ProcessId));

    /// <inheritdoc/>
    protected sealed override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        Process(ParameterSetName == PhysicalSet
            ? new MemoryView(machine, Address)
            : new MemoryView(machine, Address, GuestProcessId(machine)));
    }

    /// <summary>Works on one machine's memory.</summary>
    private protected abstract void Process(MemoryView view);

    /// <summary>A machine from the pipeline has a <c>ProcessId</c> too, but that is QEMU's on the host, not one of the guest.</summary>
    private int? GuestProcessId(VmiMachine machine) =>
        !_processIdGiven && Machine is [{ Machine: not null }] && ProcessId == machine.ProcessId ? null : ProcessId;
}
