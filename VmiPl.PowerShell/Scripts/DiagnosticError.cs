using System.Management.Automation;
using System.Text;
using VmiPl.Errors;
using VmiPl.Language;

namespace VmiPl.Commands.Scripts;

/// <summary>Makes error records of a script's errors. The target has the properties by which PowerShell's concise view shows a line of a file
/// that is no PowerShell script (File, Line, LineText); the exception's message shows the line with the extent underlined.</summary>
internal static class DiagnosticError
{
    // A line may be as long as the file.
    private const int MaxShown = 160;

    public static ErrorRecord ToRecord(Diagnostic diagnostic)
    {
        VmiDiagnostic target = ScriptReport.Of(diagnostic);
        return new ErrorRecord(new VmiException(VmiErrorCode.InvalidArgument, $"{target}{Excerpt(diagnostic)}", target.File), diagnostic.Id, ErrorCategory.ParserError, target)
        {
            // That view joins the lines of a message, so this one has none to join.
            ErrorDetails = new ErrorDetails(target.ToString()) { RecommendedAction = diagnostic.Hint ?? "Get-Help about_VmiPl_Language describes the language." },
        };
    }

    /// <summary>The line of the extent's beginning, or as much of it around there as is good to show, without control characters.</summary>
    public static string Line(Diagnostic diagnostic) => Cut(diagnostic).Shown;

    /// <summary>The line with the extent underlined; empty where there is nothing to show.</summary>
    private static string Excerpt(Diagnostic diagnostic)
    {
        (string shown, int column) = Cut(diagnostic);
        if (shown.Length == 0)
            return "";
        int marked = Math.Clamp(diagnostic.Span.Length, 1, Math.Max(1, shown.Length - column));
        return $"\n    {shown}\n    {new string(' ', column)}{new string('~', marked)}";
    }

    private static (string Shown, int Column) Cut(Diagnostic diagnostic)
    {
        string line = diagnostic.Source.LineText(diagnostic.Line);
        int first = Math.Min(diagnostic.Column - 1, line.Length);
        int start = Math.Max(0, first - MaxShown / 2), length = Math.Min(MaxShown, line.Length - start);
        var shown = new StringBuilder(length);
        foreach (char c in line.AsSpan(start, length))
            shown.Append(char.IsControl(c) ? ' ' : c);
        return (shown.ToString(), first - start);
    }
}
