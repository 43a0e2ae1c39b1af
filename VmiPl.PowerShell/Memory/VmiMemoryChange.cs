namespace VmiPl.Commands.Memory;

/// <summary>A change that <c>Write-VmiMemory</c> made: where, what stood there before and what was written.</summary>
public sealed record VmiMemoryChange(string Machine, ulong Address, AddressKind AddressKind, int? ProcessId, byte[] Before, byte[] After);
