using System.Management.Automation;
using System.Text;
using VmiPl.Errors;
using VmiPl.Language;

namespace VmiPl.Commands.Scripts;

/// <summary>Makes error records of a script's errors: the message shows the place in the script.</summary>
internal static class DiagnosticError
{
    // A line may be as long as the file.
    private const int MaxShown = 160;

    public static ErrorRecord ToRecord(Diagnostic diagnostic)
    {
        VmiDiagnostic target = ScriptReport.Of(diagnostic);
        string message = $"{target}{Excerpt(diagnostic)}";
        return new ErrorRecord(new VmiException(VmiErrorCode.InvalidArgument, message, target.File), diagnostic.Id, ErrorCategory.ParserError, target)
        {
            ErrorDetails = new ErrorDetails(message) { RecommendedAction = diagnostic.Hint ?? "Get-Help about_VmiPl_Language describes the language." },
        };
    }

    /// <summary>The line with the extent underlined; empty where there is nothing to show.</summary>
    private static string Excerpt(Diagnostic diagnostic)
    {
        string line = diagnostic.Source.LineText(diagnostic.Line);
        if (line.Length == 0)
            return "";
        int first = Math.Min(diagnostic.Column - 1, line.Length);
        int start = Math.Max(0, first - MaxShown / 2), length = Math.Min(MaxShown, line.Length - start);
        var shown = new StringBuilder(length);
        foreach (char c in line.AsSpan(start, length))
            shown.Append(char.IsControl(c) ? ' ' : c);
        int marked = Math.Clamp(diagnostic.Span.Length, 1, Math.Max(1, start + length - first));
        return $"\n    {shown}\n    {new string(' ', first - start)}{new string('~', marked)}";
    }
}
