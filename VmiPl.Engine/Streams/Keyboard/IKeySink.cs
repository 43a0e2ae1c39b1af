namespace VmiPl.Streams.Keyboard;

/// <summary>Takes what a keyboard capture yields, on the capture's own thread.</summary>
public interface IKeySink
{
    /// <summary>A key went down or up.</summary>
    void Key(KeyStroke key);

    /// <summary>Something went wrong, in words: keys may be missing here, or the capture has ended.</summary>
    void Trouble(string text);
}
