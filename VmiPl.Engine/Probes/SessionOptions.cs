using VmiPl.Streams;

namespace VmiPl.Probes;

/// <summary>How a session runs. Immutable.</summary>
public sealed record SessionOptions
{
    /// <summary>How its outputs behave.</summary>
    public StreamOptions Streams { get; init; } = new();
    /// <summary>What makes the probes run.</summary>
    public SessionDriver Driver { get; init; }
    /// <summary>How instructions are trapped.</summary>
    public TrapKind TrapKind { get; init; }
}
