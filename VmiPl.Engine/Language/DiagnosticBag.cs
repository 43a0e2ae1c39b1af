using System.Collections.Immutable;
using VmiPl.Language.Tables;

namespace VmiPl.Language;

/// <summary>Collects what is to be said about one script, up to a bound. For one thread.</summary>
internal sealed class DiagnosticBag(SourceText source)
{
    /// <summary>Diagnostics kept; one more says that there would be others.</summary>
    public const int Limit = 1_000;

    private readonly List<Diagnostic> _diagnostics = [];

    public SourceText Source => source;

    /// <summary>Whether the bound is reached, so that looking for more is of no use.</summary>
    public bool IsFull => _diagnostics.Count >= Limit;

    public void Report(DiagnosticDescriptor descriptor, SourceSpan span, string? hint, params ReadOnlySpan<object?> arguments)
    {
        if (IsFull)
            return;
        _diagnostics.Add(descriptor.At(source, span, hint, arguments));
        // Said at once: nobody looks for more mistakes in a script that has so many.
        if (IsFull)
            _diagnostics.Add(DiagnosticIds.TooManyDiagnostics.At(source, span, null, Limit));
    }

    /// <summary>All of them, in the order of the text; that there are too many is said last.</summary>
    public ImmutableArray<Diagnostic> ToSorted()
    {
        int sortable = Math.Min(_diagnostics.Count, Limit);
        return
        [
            .. _diagnostics.Take(sortable).OrderBy(diagnostic => diagnostic.Span.Start).ThenBy(diagnostic => diagnostic.Id, StringComparer.Ordinal),
            .. _diagnostics.Skip(sortable),
        ];
    }
}
