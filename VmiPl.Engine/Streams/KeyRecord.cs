namespace VmiPl.Streams;

/// <summary>A key of a virtual keyboard that went down or up.</summary>
public sealed record KeyRecord : VmiRecord
{
    /// <summary>QEMU's name of the key (<c>QKeyCode</c> in qapi/ui.json): <c>a</c>, <c>ret</c>, <c>shift</c>; for a key without a name its
    /// number, <c>0x1e</c>.</summary>
    public string Key { get; init; } = "";
    /// <summary>Whether it went down. A key that is held goes down again and again.</summary>
    public bool IsPressed { get; init; }
    /// <summary>The console that it was typed at, <c>console 0</c>; empty where QEMU does not tell, as for keys that the monitor types.</summary>
    public string Device { get; init; } = "";
}
