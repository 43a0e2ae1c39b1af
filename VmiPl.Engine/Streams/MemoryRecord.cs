namespace VmiPl.Streams;

/// <summary>Bytes of the guest's memory. Where they could not be read to the end, <see cref="VmiRecord.Error"/> says so and <see cref="Bytes"/> is
/// what stands before.</summary>
public sealed record MemoryRecord : VmiRecord
{
    /// <summary>Guest-virtual address of the first byte.</summary>
    public ulong Address { get; init; }
    /// <summary>Bytes asked for.</summary>
    public int Size { get; init; }
    /// <summary>The bytes; the record's own copy.</summary>
    public IReadOnlyList<byte> Bytes { get; init; } = [];
}
