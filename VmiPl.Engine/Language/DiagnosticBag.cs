using System.Collections.Immutable;
using VmiPl.Language.Tables;

namespace VmiPl.Language;

/// <summary>Collects what is to be said about one script, up to a bound. For one thread.</summary>
internal sealed class DiagnosticBag(SourceText source)
{
    /// <summary>Diagnostics kept; one more says that there would be others.</summary>
    public const int Limit = 1_000;

    private readonly List<Diagnostic> _diagnostics = [];
    private bool _overflowed;

    public SourceText Source => source;

    /// <summary>Whether the bound is passed, so that looking for more is of no use.</summary>
    public bool IsFull => _overflowed;

    public void Report(DiagnosticDescriptor descriptor, SourceSpan span, string? hint, params ReadOnlySpan<object?> arguments)
    {
        if (_diagnostics.Count < Limit)
        {
            _diagnostics.Add(descriptor.At(source, span, hint, arguments));
        }
        else if (!_overflowed)
        {
            _overflowed = true;
            _diagnostics.Add(DiagnosticIds.TooManyDiagnostics.At(source, span, null, Limit));
        }
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
