using System.Management.Automation;

namespace VmiPl.Commands.Arguments;

/// <summary>Names on the command line, to and fro.</summary>
internal static class CompletionWord
{
    /// <summary>What was typed so far, without quotes.</summary>
    public static string Typed(string? word) => (word ?? "").Trim('\'', '"');

    /// <summary>A name as a completion, in quotes where it needs them.</summary>
    public static CompletionResult Result(string name, string toolTip) => new(Quote(name), name, CompletionResultType.ParameterValue, toolTip);

    private static string Quote(string name) =>
        name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && name.Length > 0 && name[0] != '-'
            ? name
            : "'" + name.Replace("'", "''", StringComparison.Ordinal) + "'";
}
