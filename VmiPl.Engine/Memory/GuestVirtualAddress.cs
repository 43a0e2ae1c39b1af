namespace VmiPl.Memory;

/// <summary>A guest-virtual address in bytes, meaningful only in one <see cref="AddressSpace"/>.</summary>
public readonly record struct GuestVirtualAddress(ulong Value)
{
    /// <summary>The address <paramref name="bytes"/> further on; wraps at 2^64.</summary>
    public static GuestVirtualAddress operator +(GuestVirtualAddress address, ulong bytes) => new(unchecked(address.Value + bytes));

    /// <summary>The address <paramref name="bytes"/> before; wraps at 0.</summary>
    public static GuestVirtualAddress operator -(GuestVirtualAddress address, ulong bytes) => new(unchecked(address.Value - bytes));

    /// <summary>The address rounded down to a multiple of <paramref name="size"/>, a power of two.</summary>
    public GuestVirtualAddress AlignDown(ulong size) => new(Value & ~(size - 1));

    /// <summary>As <c>0x…</c>.</summary>
    public override string ToString() => $"0x{Value:x}";
}
