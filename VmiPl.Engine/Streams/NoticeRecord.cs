namespace VmiPl.Streams;

/// <summary>Something that the session itself has to say; <see cref="VmiRecord.Error"/> is set too where something went wrong.</summary>
public sealed record NoticeRecord : VmiRecord
{
    /// <summary>What happened, in words.</summary>
    public string Text { get; init; } = "";
}
