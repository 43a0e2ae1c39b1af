namespace VmiPl.Symbols;

/// <summary>A kernel symbol: its name, its guest-virtual address, its type letter as in <c>/proc/kallsyms</c> (capital: global;
/// T text, D data, R read-only, B zero-initialised, A absolute, W/V weak) and its module, null for the kernel proper.</summary>
public sealed record VmiSymbol(string Name, ulong Address, char Type, string? Module);
