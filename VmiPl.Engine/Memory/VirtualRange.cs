namespace VmiPl.Memory;

/// <summary>A run of virtual memory that one page (or several pages with consecutive frames) maps.</summary>
public readonly record struct VirtualRange(GuestVirtualAddress Start, ulong Length, GuestPhysicalAddress Physical, bool Writable, bool User, bool Executable)
{
    /// <summary>The first address behind the range; 0 where it ends at the top of the space.</summary>
    public GuestVirtualAddress End => Start + Length;
}
