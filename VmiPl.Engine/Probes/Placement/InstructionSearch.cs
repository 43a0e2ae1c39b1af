using System.Collections.Immutable;

namespace VmiPl.Probes.Placement;

/// <summary>What a search for instructions came to: those found, each once, by ascending address, and the code that could not be searched.
/// Immutable; safe from any thread.</summary>
public sealed record InstructionSearch(ImmutableArray<InstructionPlace> Places, ImmutableArray<UnsearchedText> Unsearched);
