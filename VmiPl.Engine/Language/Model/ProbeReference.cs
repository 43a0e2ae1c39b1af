namespace VmiPl.Language.Model;

/// <summary>A probe as <c>Reconfigure</c> names it. <see cref="Id"/> is resolved where the script itself has the probe; in a
/// reconfiguration script a label stands for a probe that already runs, and is left to whoever applies it.</summary>
public sealed record ProbeReference(int? Id, string? Label, SourceSpan Span);
