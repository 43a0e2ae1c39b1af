using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Language;
using VmiPl.Language.Model;

namespace VmiPl.Commands.Scripts;

/// <summary><c>Test-VmiScript</c>: whether scripts are right, without running them.</summary>
[Cmdlet(VerbsDiagnostic.Test, "VmiScript", DefaultParameterSetName = PathSet)]
[OutputType(typeof(VmiScriptReport))]
public sealed class TestVmiScriptCommand : VmiCommand
{
    private const string PathSet = "Path", LiteralPathSet = "LiteralPath", TextSet = "ScriptText";

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
            Try(null, () => Give(EngineAccess.ReadScript(new SourceText(text))));
    }

    private void Give(VmiScript script)
    {
        Stop.ThrowIfCancellationRequested();
        foreach (Diagnostic diagnostic in script.Diagnostics)
        {
            if (diagnostic.Severity == DiagnosticSeverity.Error)
                WriteError(DiagnosticError.ToRecord(diagnostic));
        }
        WriteObject(ScriptReport.Of(script));
    }
}
