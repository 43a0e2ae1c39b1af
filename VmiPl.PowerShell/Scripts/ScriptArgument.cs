using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Language.Model;

namespace VmiPl.Commands.Scripts;

/// <summary>The one script that a command runs: by <c>-Path</c>, <c>-LiteralPath</c> or <c>-ScriptText</c>.</summary>
internal static class ScriptArgument
{
    /// <summary>Reads the script of the one argument that is not null. Throws <c>InvalidArgument</c> where a pattern does not mean one file, and
    /// <c>FileFailure</c> where it means none.</summary>
    public static VmiScript Read(PSCmdlet command, string? path, string? literalPath, string? text) =>
        text is not null ? EngineAccess.ReadScript(new SourceText(text))
        : EngineAccess.ReadScript(literalPath is null ? One(command, path!) : FilePaths.Literal(command, literalPath));

    private static string One(PSCmdlet command, string pattern)
    {
        string[] files = [.. FilePaths.Matching(command, pattern)];
        return files.Length == 1 ? files[0]
            : throw new VmiException(VmiErrorCode.InvalidArgument, $"'{pattern}' means {files.Length} files; one script is needed.", pattern);
    }

    /// <summary>Says what is to be said about a script: errors as error records, warnings as warnings, the rest verbosely. Whether there were no
    /// errors.</summary>
    public static bool Accept(PSCmdlet command, IEnumerable<Diagnostic> diagnostics)
    {
        bool right = true;
        foreach (Diagnostic diagnostic in diagnostics)
        {
            switch (diagnostic.Severity)
            {
                case DiagnosticSeverity.Error:
                    right = false;
                    command.WriteError(DiagnosticError.ToRecord(diagnostic));
                    break;
                case DiagnosticSeverity.Warning:
                    command.WriteWarning(diagnostic.ToString());
                    break;
                default:
                    command.WriteVerbose(diagnostic.ToString());
                    break;
            }
        }
        return right;
    }
}
