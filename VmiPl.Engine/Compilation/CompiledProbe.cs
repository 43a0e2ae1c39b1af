using System.Collections.Immutable;
using VmiPl.Compilation.Sites;
using VmiPl.Language.Model;

namespace VmiPl.Compilation;

/// <summary>An event probe, ready for a driver. Body 0 is the script's own, the others are what <c>Reconfigure</c> may put in its place.</summary>
public sealed record CompiledProbe(EventProbe Probe, ProbeSite Site, ImmutableArray<CompiledBody> Bodies);
