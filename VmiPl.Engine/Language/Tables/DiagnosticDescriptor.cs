using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;

namespace VmiPl.Language.Tables;

/// <summary>One kind of diagnostic. <see cref="Format"/> is the message with <c>{0}</c> … for what differs from place to place.</summary>
public sealed record DiagnosticDescriptor(string Id, DiagnosticSeverity Severity, string Format)
{
    /// <summary>The descriptors that a class has as public static fields, by number.</summary>
    internal static ImmutableArray<DiagnosticDescriptor> AllOf(Type table) =>
    [
        .. table.GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => field.GetValue(null)).OfType<DiagnosticDescriptor>().OrderBy(descriptor => descriptor.Id, StringComparer.Ordinal),
    ];

    /// <summary>Makes the diagnostic for one place of a script.</summary>
    public Diagnostic At(SourceText source, SourceSpan span, string? hint, params ReadOnlySpan<object?> arguments) =>
        new(Id, Severity, source, span, string.Format(CultureInfo.InvariantCulture, Format, arguments), hint);
}
