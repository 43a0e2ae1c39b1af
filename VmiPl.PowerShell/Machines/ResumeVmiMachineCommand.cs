using System.Management.Automation;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary><c>Resume-VmiMachine</c>: lets all vCPUs run on.</summary>
[Cmdlet(VerbsLifecycle.Resume, "VmiMachine", SupportsShouldProcess = true)]
[OutputType(typeof(VmiMachine))]
public sealed class ResumeVmiMachineCommand : MachineCommand
{
    /// <summary>Whether the machine is put out.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        if (!ShouldProcess(machine.Name, "Resume all vCPUs"))
            return;
        machine.GetMonitor().Resume();
        if (PassThru)
            WriteObject(machine);
    }
}
