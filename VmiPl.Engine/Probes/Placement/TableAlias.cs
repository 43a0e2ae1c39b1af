namespace VmiPl.Probes.Placement;

/// <summary>One way to a descriptor table's memory: <paramref name="Length"/> bytes at guest-virtual <paramref name="Address"/> are those at
/// <paramref name="Offset"/> of the table. <paramref name="IsWritable"/>: the page tables let the kernel write through it.</summary>
public readonly record struct TableAlias(ulong Address, int Offset, int Length, bool IsWritable);
