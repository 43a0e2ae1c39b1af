namespace VmiPl.Commands.Memory;

/// <summary>Bytes read from a guest: the machine, the address of the first byte, the space that it is of (with the process
/// whose space it is; null for the kernel's and for physical memory), and the bytes. Immutable by convention: nobody writes
/// to the array once it is put out.</summary>
public sealed record VmiMemoryBlock(string Machine, ulong Address, AddressKind AddressKind, int? ProcessId, byte[] Bytes);
