namespace VmiPl.Memory;

/// <summary>Where a virtual address leads: the physical address, the size in bytes of the page it lies in, and what the page
/// tables permit on the way there.</summary>
public readonly record struct Translation(GuestPhysicalAddress Physical, ulong PageSize, bool Writable, bool User, bool Executable);
