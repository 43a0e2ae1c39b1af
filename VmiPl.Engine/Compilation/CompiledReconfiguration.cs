using System.Collections.Immutable;
using VmiPl.Compilation.Records;
using VmiPl.Language;

namespace VmiPl.Compilation;

/// <summary>A reconfiguration script, compiled for the probes of a running session. Where <see cref="HasErrors"/>, nothing of it applies.</summary>
public sealed record CompiledReconfiguration
{
    /// <summary>Bodies that probes have from now on, behind those they have: by probe id.</summary>
    public required ImmutableDictionary<int, ImmutableArray<CompiledBody>> NewBodies { get; init; }
    /// <summary>Which probe runs which of its bodies from the next event on, in the order of the script.</summary>
    public required ImmutableArray<(int ProbeId, int Body)> Selections { get; init; }
    /// <summary>Schemas that come behind the session's.</summary>
    public required ImmutableArray<RecordSchema> NewSchemas { get; init; }
    /// <summary>Everything that is to be said, in the order of the text.</summary>
    public required ImmutableArray<Diagnostic> Diagnostics { get; init; }
    /// <summary>Whether any of the diagnostics is an error.</summary>
    public bool HasErrors => Diagnostics.Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
}
