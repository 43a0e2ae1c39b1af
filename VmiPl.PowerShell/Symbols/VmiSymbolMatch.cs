namespace VmiPl.Commands.Symbols;

/// <summary>A kernel symbol as <c>Get-VmiSymbol</c> gives it: the machine it is of, its name, its guest-virtual address, its
/// type letter as in <c>/proc/kallsyms</c> (<c>?</c> where it was inferred), its module (null for the kernel proper), and for
/// a search by address how many bytes behind the symbol that address lies, else 0.</summary>
public sealed record VmiSymbolMatch(string Machine, string Name, ulong Address, char Type, string? Module, ulong Offset = 0);
