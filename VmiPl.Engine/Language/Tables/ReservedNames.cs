namespace VmiPl.Language.Tables;

/// <summary>Names that a later version of the language will give a meaning; until then no script may use them.</summary>
public static class ReservedNames
{
    /// <summary>All of them, in the spelling to come.</summary>
    public static IReadOnlySet<string> All { get; } = new HashSet<string>(
        ["ProcessStart", "ProcessExit", "Every", "Count", "Sum", "Average", "Histogram", "Not"], StringComparer.OrdinalIgnoreCase);
}
