namespace VmiPl.Memory;

/// <summary>A guest-physical address in bytes. A type of its own, so that it cannot be taken for a virtual one.</summary>
public readonly record struct GuestPhysicalAddress(ulong Value)
{
    /// <summary>The address <paramref name="bytes"/> further on; wraps at 2^64.</summary>
    public static GuestPhysicalAddress operator +(GuestPhysicalAddress address, ulong bytes) => new(unchecked(address.Value + bytes));

    /// <summary>The address rounded down to a multiple of <paramref name="size"/>, a power of two.</summary>
    public GuestPhysicalAddress AlignDown(ulong size) => new(Value & ~(size - 1));

    /// <summary>As <c>phys:0x…</c>.</summary>
    public override string ToString() => $"phys:0x{Value:x}";
}
