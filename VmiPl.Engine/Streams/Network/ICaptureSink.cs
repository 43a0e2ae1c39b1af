namespace VmiPl.Streams.Network;

/// <summary>Takes what a capture yields, on the capture's own thread: it must return at once, as the machine's traffic runs into a buffer of fixed size
/// meanwhile.</summary>
public interface ICaptureSink
{
    /// <summary>A frame; its time is the host's. The sink's own.</summary>
    void Frame(PcapFrame frame);

    /// <summary>So many frames are missing here.</summary>
    void Lost(long count);

    /// <summary>Something went wrong, in words: frames are missing here and nobody knows how many, or the capture has ended.</summary>
    void Trouble(string text);
}
