namespace VmiPl.Streams;

/// <summary>A text of the guest's memory, up to its NUL.</summary>
public sealed record TextRecord : VmiRecord
{
    /// <summary>Guest-virtual address of the first byte.</summary>
    public ulong Address { get; init; }
    /// <summary>The text; bytes that are no UTF-8 are replaced.</summary>
    public string Text { get; init; } = "";
    /// <summary>Whether there is more of it than was asked for.</summary>
    public bool IsCut { get; init; }
}
