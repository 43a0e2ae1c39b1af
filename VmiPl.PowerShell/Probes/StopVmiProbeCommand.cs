using System.Management.Automation;

namespace VmiPl.Commands.Probes;

/// <summary><c>Stop-VmiProbe</c>: takes probes out of their machines and forgets the sessions.</summary>
[Cmdlet(VerbsLifecycle.Stop, "VmiProbe", DefaultParameterSetName = MachineSet, SupportsShouldProcess = true)]
[OutputType(typeof(VmiProbe))]
public sealed class StopVmiProbeCommand : NumberedProbeCommand
{
    /// <summary>Whether the session is put out.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiProbe probe)
    {
        ArgumentNullException.ThrowIfNull(probe);
        if (!ShouldProcess(probe.Machine, $"Stop session {probe.Id} ({probe.Name})"))
            return;
        bool stopped = Try(probe, () => SessionProbes.Stop(probe));
        if (stopped && PassThru)
            WriteObject(probe);
    }
}
