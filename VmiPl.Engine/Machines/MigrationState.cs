using System.Text.RegularExpressions;

namespace VmiPl.Machines;

/// <summary>QEMU's migration states (qapi/migration.json, MigrationStatus) in the human monitor's <c>info migrate</c>: <c>Migration status: active</c>,
/// from QEMU 10 on <c>Status: active</c>; nothing where there was no migration yet.</summary>
internal static partial class MigrationState
{
    /// <summary>Whether memory is on its way, with the machine running or not.</summary>
    public static bool IsUnderWay(string text) => NameIn(text) is not (null or "none" or "completed" or "failed" or "cancelled");

    /// <summary>Whether the last one has come to its end.</summary>
    public static bool IsCompleted(string text) => NameIn(text) == "completed";

    private static string? NameIn(string text) => Line().Match(text) is { Success: true } match ? match.Groups[1].Value : null;

    [GeneratedRegex(@"^\s*(?:Migration status|Status):\s*([a-z-]+)", RegexOptions.Multiline)]
    private static partial Regex Line();
}
