namespace VmiPl.Memory;

/// <summary>One piece of a batched read: <paramref name="Length"/> bytes from <paramref name="Address"/> go to
/// <paramref name="Offset"/> of the batch's buffer. <see cref="Done"/> is set by the source: the bytes that could be read.</summary>
public record struct MemoryRequest(GuestPhysicalAddress Address, int Offset, int Length)
{
    /// <summary>Bytes read from the start of this piece, 0 to <see cref="Length"/>.</summary>
    public int Done { get; set; }
}
