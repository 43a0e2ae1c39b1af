namespace VmiPl.TestGuests;

/// <summary>A line of <c>/proc/kallsyms</c>; <paramref name="Module"/> is null for the kernel itself.</summary>
public readonly record struct GuestSymbol(ulong Address, char Type, string Name, string? Module);
