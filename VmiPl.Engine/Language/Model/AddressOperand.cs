namespace VmiPl.Language.Model;

/// <summary>A guest-virtual address: <see cref="Offset"/> alone where <see cref="Symbol"/> is null, else the symbol's address plus
/// <see cref="Offset"/> (modulo 2⁶⁴).</summary>
public sealed record AddressOperand(string? Symbol, ulong Offset, SourceSpan Span);
