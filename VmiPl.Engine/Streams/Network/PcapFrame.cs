namespace VmiPl.Streams.Network;

/// <summary>One frame of a capture.</summary>
/// <param name="Time">When it passed, UTC, by the clock of whoever captured it.</param>
/// <param name="Bytes">Its bytes, as many as were captured; the receiver's own copy.</param>
/// <param name="Length">Bytes that it had.</param>
public readonly record struct PcapFrame(DateTime Time, byte[] Bytes, int Length)
{
    /// <summary>Whether only its start was captured.</summary>
    public bool IsTruncated => Length > Bytes.Length;
}
