namespace VmiPl.Memory;

/// <summary>Guest-physical memory in a byte array: what a decoder's test builds its guest in.</summary>
public sealed class ArrayMemory : IGuestMemory
{
    private readonly byte[] _bytes;

    /// <summary>Memory from physical address 0 on, over <paramref name="bytes"/> itself, not a copy.</summary>
    public ArrayMemory(byte[] bytes)
    {
        _bytes = bytes;
        Ranges = [new PhysicalRange(new GuestPhysicalAddress(0), (ulong)bytes.Length)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<PhysicalRange> Ranges { get; }

    /// <inheritdoc/>
    public MemoryAccess Access => MemoryAccess.Dump;

    /// <inheritdoc/>
    public bool IsMapped => true;

    /// <inheritdoc/>
    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        if (address.Value >= (ulong)_bytes.Length)
            return 0;
        int count = Math.Min(buffer.Length, _bytes.Length - (int)address.Value);
        _bytes.AsSpan((int)address.Value, count).CopyTo(buffer);
        return count;
    }

    /// <inheritdoc/>
    public bool TryGetSpan(GuestPhysicalAddress address, int length, out ReadOnlySpan<byte> view)
    {
        bool inside = address.Value <= (ulong)_bytes.Length && (ulong)length <= (ulong)_bytes.Length - address.Value;
        view = inside ? _bytes.AsSpan((int)address.Value, length) : default;
        return inside;
    }

    /// <inheritdoc/>
    public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes)
    {
        if (address.Value >= (ulong)_bytes.Length)
            return 0;
        int count = Math.Min(bytes.Length, _bytes.Length - (int)address.Value);
        bytes[..count].CopyTo(_bytes.AsSpan((int)address.Value));
        return count;
    }
}
