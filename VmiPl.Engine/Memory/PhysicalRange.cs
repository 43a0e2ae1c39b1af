namespace VmiPl.Memory;

/// <summary>A run of guest-physical memory: its first address and its length in bytes.</summary>
public readonly record struct PhysicalRange(GuestPhysicalAddress Start, ulong Length)
{
    /// <summary>The first address behind the range.</summary>
    public GuestPhysicalAddress End => Start + Length;

    /// <summary>Whether <paramref name="address"/> lies in the range.</summary>
    public bool Contains(GuestPhysicalAddress address) => address.Value - Start.Value < Length;
}
