using System.Management.Automation;
using VmiPl.Commands.Scripts;
using VmiPl.Errors;
using VmiPl.Language.Model;

namespace VmiPl.Commands.Probes;

/// <summary><c>Set-VmiProbe</c>: changes probes that run: their bodies by a reconfiguration script, or whether they are switched on.</summary>
[Cmdlet(VerbsCommon.Set, "VmiProbe", DefaultParameterSetName = MachineSet, SupportsShouldProcess = true)]
public sealed class SetVmiProbeCommand : NumberedProbeCommand
{
    private VmiScript? _script;
    private bool _refused;

    /// <summary>The reconfiguration script's file; a pattern must mean one file.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ScriptPathCompleter))]
    public string? Path { get; set; }

    /// <summary>The reconfiguration script's file, taken as it is.</summary>
    [Parameter]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string? LiteralPath { get; set; }

    /// <summary>The reconfiguration script itself.</summary>
    [Parameter]
    [ValidateNotNull]
    public string? ScriptText { get; set; }

    /// <summary>Whether the probes are switched on.</summary>
    [Parameter]
    public SwitchParameter Enable { get; set; }

    /// <summary>Whether the probes are switched off.</summary>
    [Parameter]
    public SwitchParameter Disable { get; set; }

    /// <summary>Ids or labels of the probes that are switched.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProbeCompleter))]
    public string[]? Probe { get; set; }

    /// <inheritdoc/>
    private protected override bool OnlyRunning => true;

    /// <inheritdoc/>
    protected override void Begin()
    {
        int scripts = new[] { Path, LiteralPath, ScriptText }.Count(given => given is not null);
        if (scripts + (Enable ? 1 : 0) + (Disable ? 1 : 0) != 1 || (scripts == 1) != (Probe is null))
            throw new VmiException(VmiErrorCode.InvalidArgument, "Give one reconfiguration script (-Path, -LiteralPath or -ScriptText), or either -Enable or -Disable with -Probe.");
        if (scripts == 0)
            return;
        VmiScript script = ScriptArgument.Read(this, Path, LiteralPath, ScriptText);
        if (ScriptArgument.Accept(this, script.Diagnostics))
            _script = script;
        else
            _refused = true;
    }

    /// <inheritdoc/>
    protected override void Process(VmiProbe probe)
    {
        ArgumentNullException.ThrowIfNull(probe);
        if (_refused)
            return;
        if (_script is { } script)
        {
            if (ShouldProcess($"{probe}", $"Apply {script.Source.File ?? "a script text"}"))
                ScriptArgument.Accept(this, probe.Session.Reconfigure(script).Except(script.Diagnostics));
            return;
        }
        IReadOnlySet<int> chosen = ProbeChoice.Of(probe, Probe!);
        foreach (VmiProbeStatus one in probe.Probes.Where(one => chosen.Contains(one.Id)))
        {
            if (ShouldProcess($"probe {one.Id} {one.Label ?? one.Event} of {probe}", Enable ? "Switch on" : "Switch off"))
                probe.Session.Enable(one.Id, Enable);
        }
    }
}
