using System.Collections.Immutable;
using VmiPl.Compilation;

namespace VmiPl.Probes;

/// <summary>An event probe and what has to be watched for it. Requests and resumptions need no trap and have none.</summary>
internal sealed record PlacedProbe(CompiledProbe Compiled, ImmutableArray<Trap> Traps)
{
    /// <summary>The probe's id.</summary>
    public int Id => Compiled.Probe.Id;
}
