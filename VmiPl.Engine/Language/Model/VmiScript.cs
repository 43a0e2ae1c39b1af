using System.Collections.Immutable;

namespace VmiPl.Language.Model;

/// <summary>A script as far as it was understood. Where <see cref="HasErrors"/>, parts that could not be checked are missing, and the
/// rest is good only for finding more errors. Immutable; safe from any thread.</summary>
public sealed record VmiScript
{
    /// <summary>The text.</summary>
    public required SourceText Source { get; init; }
    /// <summary>What the Configuration gives, in the order written.</summary>
    public required ImmutableArray<ConfigurationKey> Configuration { get; init; }
    /// <summary>The event probes; the id is the index unless there were errors.</summary>
    public required ImmutableArray<EventProbe> EventProbes { get; init; }
    /// <summary>The stream probes.</summary>
    public required ImmutableArray<StreamProbe> StreamProbes { get; init; }
    /// <summary>The top level's <c>Reconfigure</c> blocks; where there are any, the script is a reconfiguration script and has no
    /// probes.</summary>
    public required ImmutableArray<ReconfigureStatement> Reconfigurations { get; init; }
    /// <summary>All that is to be said, in the order of the text.</summary>
    public required ImmutableArray<Diagnostic> Diagnostics { get; init; }
    /// <summary>Whether any of the diagnostics is an error.</summary>
    public bool HasErrors => Diagnostics.Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
}
