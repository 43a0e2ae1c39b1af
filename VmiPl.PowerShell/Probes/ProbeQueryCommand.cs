using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Machines;

namespace VmiPl.Commands.Probes;

/// <summary>Base of the cmdlets that look at probe sessions: at all of them where none is named.</summary>
public abstract class ProbeQueryCommand : NumberedProbeCommand
{
    /// <summary>The machines whose sessions are meant; all where left out.</summary>
    [Parameter(ParameterSetName = MachineSet, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(MachineCompleter))]
    public override MachineArgument[] Machine { get; set; } = [];

    /// <inheritdoc/>
    private protected override IReadOnlyList<VmiProbe> Chosen() =>
        ParameterSetName == MachineSet && Machine.Length == 0 ? SessionProbes.Current.Probes : base.Chosen();
}
