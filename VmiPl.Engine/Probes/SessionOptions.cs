using VmiPl.Streams;

namespace VmiPl.Probes;

/// <summary>How a session runs. Immutable.</summary>
public sealed record SessionOptions
{
    /// <summary>How its outputs behave.</summary>
    public StreamOptions Streams { get; init; } = new();
    /// <summary>How instructions are trapped.</summary>
    public TrapKind TrapKind { get; init; }
}
