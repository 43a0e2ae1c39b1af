namespace VmiPl.Symbols.Kallsyms;

/// <summary>Where a symbol table lies: the address and length in bytes of the run that holds all of its parts, and the address
/// of its digit tokens, from which it is decoded.</summary>
internal readonly record struct KallsymsPlace(ulong Start, int Length, ulong Digits);
