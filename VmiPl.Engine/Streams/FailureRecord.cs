namespace VmiPl.Streams;

/// <summary>Something of a script did not work at an event, as <see cref="VmiRecord.Error"/> says: a list that breaks off, an address that cannot be
/// written, a filter that cannot be asked.</summary>
public sealed record FailureRecord : VmiRecord
{
    /// <summary>The guest-virtual address that it is about, or null.</summary>
    public ulong? Address { get; init; }
}
