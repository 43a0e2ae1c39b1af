namespace VmiPl.Language;

/// <summary>One thing to say about a script. <see cref="Id"/> (<c>VMI1001</c> …) never changes its meaning; the message is in the
/// user's terms, the hint says what to do where that is known.</summary>
public sealed record Diagnostic(string Id, DiagnosticSeverity Severity, SourceText Source, SourceSpan Span, string Message, string? Hint = null)
{
    /// <summary>Line, from 1, of the first character.</summary>
    public int Line => Source.PositionOf(Span.Start).Line;

    /// <summary>Column, from 1, of the first character.</summary>
    public int Column => Source.PositionOf(Span.Start).Column;

    /// <summary>As compilers print it: <c>file:line:column: error VMI1001: message</c>.</summary>
    public override string ToString() =>
        $"{Source.File ?? "script"}:{Line}:{Column}: {Severity.ToString().ToLowerInvariant()} {Id}: {Message}{(Hint is null ? "" : $" ({Hint})")}";
}
