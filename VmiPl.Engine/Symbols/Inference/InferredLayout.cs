namespace VmiPl.Symbols.Inference;

/// <summary>What was found by known content. A key that is missing was not found, or not beyond doubt: nothing in here is a
/// guess. Immutable; safe from any thread.</summary>
/// <param name="Offsets">Offsets in bytes by <c>"type.member"</c>, sizes by <c>"sizeof type"</c>.</param>
/// <param name="Symbols">Guest-virtual addresses by symbol name.</param>
public sealed record InferredLayout(IReadOnlyDictionary<string, int> Offsets, IReadOnlyDictionary<string, ulong> Symbols);
