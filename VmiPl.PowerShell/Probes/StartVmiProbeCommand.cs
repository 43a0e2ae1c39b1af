using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Scripts;
using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Streams;

namespace VmiPl.Commands.Probes;

/// <summary><c>Start-VmiProbe</c>: runs a script on machines, one session each.</summary>
[Cmdlet(VerbsLifecycle.Start, "VmiProbe", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(VmiProbe), typeof(VmiProbeJob))]
public sealed class StartVmiProbeCommand : MachineCommand
{
    private const string PathSet = "Path", LiteralPathSet = "LiteralPath", TextSet = "ScriptText";
    private VmiScript? _script;

    /// <summary>The script's file; a pattern must mean one file.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ScriptPathCompleter))]
    public string? Path { get; set; }

    /// <summary>The script's file, taken as it is.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string? LiteralPath { get; set; }

    /// <summary>The script itself.</summary>
    [Parameter(ParameterSetName = TextSet, Mandatory = true)]
    public string? ScriptText { get; set; }

    /// <summary>What happens to a record that a full stream has no room for.</summary>
    [Parameter]
    [ValidateSet("Drop", "Block")]
    public string OnFull { get; set; } = "Drop";

    /// <summary>Records that wait in each stream before it is full.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int Capacity { get; set; } = new StreamOptions().Capacity;

    /// <summary>How long one record may hold the guest with <c>-OnFull Block</c>.</summary>
    [Parameter]
    [ValidateNotNull]
    public DurationArgument BlockTimeout { get; set; } = new(new StreamOptions().BlockTimeout);

    /// <summary>What happens to output files that are there already.</summary>
    [Parameter]
    [ValidateSet("Append", "Replace")]
    public string FileMode { get; set; } = "Append";

    /// <summary>How instructions are trapped.</summary>
    [Parameter]
    [ValidateSet("Auto", "Hardware", "Software", "Port")]
    public string TrapKind { get; set; } = "Auto";

    /// <summary>What makes the probes run.</summary>
    [Parameter]
    [ValidateSet("Auto", "Shim", "GdbStub")]
    public string Driver { get; set; } = "Auto";

    /// <summary>The session's name; that of the script's file where left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Whether a job is given that hands out the records.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    /// <inheritdoc/>
    protected override void Begin() => Try(Path ?? LiteralPath, () =>
    {
        VmiScript script = ScriptArgument.Read(this, Path, LiteralPath, ScriptText);
        if (!ScriptArgument.Accept(this, script.Diagnostics))
            return;
        if (script.Reconfigurations.Length > 0)
            throw new VmiException(VmiErrorCode.InvalidArgument, "The script only changes probes that run already: that is what Set-VmiProbe does.", script.Source.File);
        _script = script;
    });

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        if (_script is not { } script)
            return;
        if (SessionProbes.RunningOn(machine) is { } other)
            throw new VmiException(VmiErrorCode.ProbeRunning, $"Session {other.Id} ({other.Name}) runs on '{machine.Name}' already.", machine.Name);
        LinuxGuest guest = EngineAccess.GuestOf(machine);
        CompiledScript compiled = EngineAccess.CompileScript(script, guest);
        // What is wrong with the script itself was said once, for all machines.
        if (!ScriptArgument.Accept(this, compiled.Diagnostics.Except(script.Diagnostics)))
            return;
        int probes = script.EventProbes.Length + script.StreamProbes.Length;
        if (!ShouldProcess(machine.Name, $"Run {probes} {(probes == 1 ? "probe" : "probes")} of {script.Source.File ?? "a script text"}"))
            return;
        VmiProbe probe = SessionProbes.Current.Add(Name, EngineAccess.StartProbes(guest, compiled, Options()));
        if (AsJob)
        {
            var job = new VmiProbeJob(probe, MyInvocation.Line);
            JobRepository.Add(job);
            WriteObject(job);
        }
        else
        {
            WriteObject(probe);
        }
    }

    private SessionOptions Options() => new()
    {
        Driver = Enum.Parse<SessionDriver>(Driver, ignoreCase: true),
        TrapKind = Enum.Parse<TrapKind>(TrapKind, ignoreCase: true),
        Streams = new StreamOptions
        {
            Capacity = Capacity,
            OnFull = Enum.Parse<FullPolicy>(OnFull, ignoreCase: true),
            BlockTimeout = BlockTimeout.Duration,
            ExistingFile = Enum.Parse<ExistingFile>(FileMode, ignoreCase: true),
            BaseFolder = SessionState.Path.CurrentFileSystemLocation.ProviderPath,
        },
    };
}
