using System.Globalization;

namespace VmiPl.Language.Tables;

/// <summary>One kind of diagnostic. <see cref="Format"/> is the message with <c>{0}</c> … for what differs from place to place.</summary>
public sealed record DiagnosticDescriptor(string Id, DiagnosticSeverity Severity, string Format)
{
    /// <summary>Makes the diagnostic for one place of a script.</summary>
    public Diagnostic At(SourceText source, SourceSpan span, string? hint, params ReadOnlySpan<object?> arguments) =>
        new(Id, Severity, source, span, string.Format(CultureInfo.InvariantCulture, Format, arguments), hint);
}
