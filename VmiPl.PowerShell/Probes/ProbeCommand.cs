using System.Globalization;
using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Machines;
using VmiPl.Errors;

namespace VmiPl.Commands.Probes;

/// <summary>Base of the cmdlets that work on probe sessions of this PowerShell session: named by their machine or given as objects.</summary>
public abstract class ProbeCommand : VmiCommand
{
    private protected const string MachineSet = "Machine", ObjectSet = "InputObject";

    /// <summary>The machines whose sessions are meant: objects, names (wildcards allowed) or QEMU process ids.</summary>
    [Parameter(ParameterSetName = MachineSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(MachineCompleter))]
    public virtual MachineArgument[] Machine { get; set; } = [];

    /// <summary>Sessions.</summary>
    [Parameter(ParameterSetName = ObjectSet, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VmiProbe[] InputObject { get; set; } = [];

    /// <summary>Works on one session. What it throws is reported with the session as target.</summary>
    protected abstract void Process(VmiProbe probe);

    /// <inheritdoc/>
    protected sealed override void Process()
    {
        foreach (VmiProbe probe in Chosen())
        {
            Stop.ThrowIfCancellationRequested();
            Try(probe, () => Process(probe));
        }
    }

    /// <summary>Whether a machine means its running session alone, not those that have ended.</summary>
    private protected virtual bool OnlyRunning => false;

    /// <summary>The sessions that the parameters mean. What is not there is reported.</summary>
    private protected virtual IReadOnlyList<VmiProbe> Chosen() => ParameterSetName == ObjectSet ? InputObject : [.. Machine.SelectMany(Of).Distinct()];

    private IReadOnlyList<VmiProbe> Of(MachineArgument argument)
    {
        IEnumerable<VmiProbe> all = SessionProbes.Current.Probes.Where(probe => !OnlyRunning || probe.IsRunning);
        if (argument.Machine is { } machine)
            return [.. all.Intersect(SessionProbes.Current.On(machine))];
        string name = argument.Name!;
        WildcardPattern pattern = WildcardPattern.Get(name, WildcardOptions.IgnoreCase);
        VmiProbe[] found = [.. all.Where(probe => pattern.IsMatch(probe.Machine) || probe.Session.Machine.ProcessId?.ToString(CultureInfo.InvariantCulture) == name)];
        if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
            Report(new VmiException(VmiErrorCode.ProbeNotFound, $"This PowerShell session {(OnlyRunning ? "runs" : "has")} no probes on a machine '{name}'.", name), name);
        return found;
    }
}
