namespace VmiPl.Commands.Scripts;

/// <summary>One thing to say about a script. <see cref="Severity"/> is <c>Error</c>, <c>Warning</c> or <c>Information</c>; line and column
/// count from 1; <see cref="File"/> is null for a text that came from no file.</summary>
public sealed record VmiDiagnostic(string? File, int Line, int Column, string Id, string Severity, string Message, string? Hint)
{
    /// <summary>The script's line, or a part of it around the column where it is very long; control characters are spaces.</summary>
    public string LineText { get; init; } = "";

    /// <summary>As compilers print it.</summary>
    public override string ToString() => $"{File ?? "script"}:{Line}:{Column}: {Severity.ToLowerInvariant()} {Id}: {Message}";
}
