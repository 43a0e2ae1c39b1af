using System.Management.Automation;
using VmiPl.Errors;

namespace VmiPl.Commands.Probes;

/// <summary>Base of the cmdlets that also take a session by its id.</summary>
public abstract class NumberedProbeCommand : ProbeCommand
{
    private protected const string IdSet = "Id";

    /// <summary>Ids of sessions.</summary>
    [Parameter(ParameterSetName = IdSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SessionCompleter))]
    public int[] Id { get; set; } = [];

    /// <inheritdoc/>
    private protected override IReadOnlyList<VmiProbe> Chosen()
    {
        if (ParameterSetName != IdSet)
            return base.Chosen();
        IReadOnlyList<VmiProbe> all = SessionProbes.Current.Probes;
        foreach (int id in Id.Where(id => all.All(probe => probe.Id != id)))
            Report(new VmiException(VmiErrorCode.ProbeNotFound, $"This PowerShell session has no probe session {id}."), id);
        return [.. all.Where(probe => Id.Contains(probe.Id))];
    }
}
