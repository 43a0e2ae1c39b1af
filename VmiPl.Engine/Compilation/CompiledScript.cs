using System.Collections.Immutable;
using VmiPl.Compilation.Records;
using VmiPl.Language;
using VmiPl.Language.Model;

namespace VmiPl.Compilation;

/// <summary>A script, compiled for one guest. Where <see cref="HasErrors"/>, it must not run. Immutable; safe from any thread.</summary>
public sealed record CompiledScript
{
    /// <summary>The script.</summary>
    public required VmiScript Script { get; init; }
    /// <summary>Its event probes, those with errors left out.</summary>
    public required ImmutableArray<CompiledProbe> Probes { get; init; }
    /// <summary>What the programs' records mean; a record's schema number is the index.</summary>
    public required ImmutableArray<RecordSchema> Schemas { get; init; }
    /// <summary>Everything that is to be said: the script's own diagnostics and the compiler's, in the order of the text.</summary>
    public required ImmutableArray<Diagnostic> Diagnostics { get; init; }
    /// <summary>Bytes of a guest pointer, 4 or 8.</summary>
    public required int PointerSize { get; init; }
    /// <summary>Whether there was no guest: the programs are good for an estimate of their cost and for nothing else.</summary>
    public required bool IsEstimate { get; init; }
    /// <summary>Whether any of the diagnostics is an error.</summary>
    public bool HasErrors => Diagnostics.Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
    /// <summary>The outputs of all probes, each once, in the order of the text.</summary>
    public IEnumerable<Output> Outputs =>
        Schemas.Select(schema => schema.Output).Concat(Script.StreamProbes.Select(probe => probe.Output)).Distinct();
}
