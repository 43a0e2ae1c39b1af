using System.Management.Automation;
using VmiPl.Commands.Probes;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary><c>Suspend-VmiMachine</c>: stops all vCPUs.</summary>
[Cmdlet(VerbsLifecycle.Suspend, "VmiMachine", SupportsShouldProcess = true)]
[OutputType(typeof(VmiMachine))]
public sealed class SuspendVmiMachineCommand : MachineCommand
{
    /// <summary>Whether the machine is put out.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        if (!ShouldProcess(machine.Name, "Suspend all vCPUs"))
            return;
        if (SessionProbes.RunningOn(machine) is { } probe)
            probe.Session.Pause();
        else
            machine.GetMonitor().Suspend();
        if (PassThru)
            WriteObject(machine);
    }
}
