using System.Management.Automation;

namespace VmiPl.Commands.Probes;

/// <summary><c>Get-VmiProbe</c>: the probe sessions of this PowerShell session.</summary>
[Cmdlet(VerbsCommon.Get, "VmiProbe", DefaultParameterSetName = MachineSet)]
[OutputType(typeof(VmiProbe))]
public sealed class GetVmiProbeCommand : ProbeQueryCommand
{
    /// <inheritdoc/>
    protected override void Process(VmiProbe probe) => WriteObject(probe);
}
