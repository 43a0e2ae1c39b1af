using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Machines;
using VmiPl.Compilation;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;

namespace VmiPl.Commands.Scripts;

/// <summary><c>Test-VmiScript</c>: whether scripts are right, for a machine's guest or for any, without running them.</summary>
[Cmdlet(VerbsDiagnostic.Test, "VmiScript", DefaultParameterSetName = PathSet)]
[OutputType(typeof(VmiScriptReport))]
public sealed class TestVmiScriptCommand : VmiCommand
{
    private const string PathSet = "Path", LiteralPathSet = "LiteralPath", TextSet = "ScriptText";

    private readonly List<LinuxGuest> _guests = [];

    /// <summary>Script files, wildcards allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ScriptPathCompleter))]
    public string[] Path { get; set; } = [];

    /// <summary>Script files, taken as they are.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Scripts themselves: each string is one.</summary>
    [Parameter(ParameterSetName = TextSet, Mandatory = true, ValueFromPipeline = true)]
    [AllowEmptyString]
    public string[] ScriptText { get; set; } = [];

    /// <summary>The machines whose guests the scripts are compiled for; none where left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(MachineCompleter))]
    public MachineArgument[] Machine { get; set; } = [];

    /// <summary>Adds the compiled programs to the report.</summary>
    [Parameter]
    public SwitchParameter ShowProgram { get; set; }

    /// <inheritdoc/>
    protected override void Begin()
    {
        foreach (MachineArgument argument in Machine)
        {
            IReadOnlyList<VmiMachine> machines = [];
            Try(argument.ToString(), () => machines = MachineResolver.Resolve(argument, unreadable => Report(unreadable)));
            foreach (VmiMachine machine in machines)
                Try(machine, () => _guests.Add(EngineAccess.GuestOf(machine)));
        }
    }

    /// <inheritdoc/>
    protected override void Process()
    {
        foreach (string path in ParameterSetName == LiteralPathSet ? LiteralPath : [])
            Try(path, () => Give(EngineAccess.ReadScript(FilePaths.Literal(this, path))));
        foreach (string pattern in ParameterSetName == PathSet ? Path : [])
        {
            IReadOnlyList<string> files = [];
            Try(pattern, () => files = [.. FilePaths.Matching(this, pattern)]);
            foreach (string file in files)
                Try(file, () => Give(EngineAccess.ReadScript(file)));
        }
        foreach (string text in ParameterSetName == TextSet ? ScriptText : [])
            Give(EngineAccess.ReadScript(new SourceText(text)));
    }

    private void Give(VmiScript script)
    {
        if (Machine.Length == 0)
            Give(script, null);
        foreach (LinuxGuest guest in _guests)
            Try(guest.Machine, () => Give(script, guest));
    }

    private void Give(VmiScript script, LinuxGuest? guest)
    {
        Stop.ThrowIfCancellationRequested();
        CompiledScript compiled = EngineAccess.CompileScript(script, guest);
        foreach (Diagnostic diagnostic in compiled.Diagnostics)
        {
            if (diagnostic.Severity == DiagnosticSeverity.Error)
                WriteError(DiagnosticError.ToRecord(diagnostic));
        }
        WriteObject(ScriptReport.Of(compiled, guest?.Machine.Name, ShowProgram));
    }

    /// <inheritdoc/>
    private protected override void OnLost(object? target) => MachineCommand.ForgetLost(target);
}
