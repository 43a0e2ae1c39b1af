namespace VmiPl.Streams.Keyboard;

/// <summary>A key that went down or up.</summary>
/// <param name="Time">The host's time when it was read, UTC.</param>
/// <param name="Key">QEMU's name of the key, or its number as <c>0x1e</c>.</param>
/// <param name="IsPressed">Whether it went down.</param>
/// <param name="Device">The console that it was typed at, or empty.</param>
public readonly record struct KeyStroke(DateTime Time, string Key, bool IsPressed, string Device);
