using System.Collections.Immutable;

namespace VmiPl.Probes;

/// <summary>What one probe of a session is and has done so far. Immutable.</summary>
public sealed record ProbeStatus
{
    /// <summary>Its id.</summary>
    public required int Id { get; init; }
    /// <summary>Its label, or null.</summary>
    public string? Label { get; init; }
    /// <summary>The event, or the kind of stream: <c>ExecuteAt</c>, <c>CaptureNetwork</c>.</summary>
    public required string Event { get; init; }
    /// <summary>What is watched for it, for people; empty for requests, resumptions and streams.</summary>
    public ImmutableArray<string> Places { get; init; } = [];
    /// <summary>Whether it is switched on.</summary>
    public bool IsEnabled { get; init; }
    /// <summary>Whether its body of now is empty, so that nothing is watched.</summary>
    public bool IsSilent { get; init; }
    /// <summary>The number of the body that it runs: 0 for its script's own.</summary>
    public int Body { get; init; }
    /// <summary>Events at which its program ran.</summary>
    public long Hits { get; init; }
    /// <summary>Events at which a filter said no, so that nothing was handed out or done.</summary>
    public long Filtered { get; init; }
    /// <summary>Records made, lost ones included.</summary>
    public long Records { get; init; }
    /// <summary>Records that nobody took in time.</summary>
    public long Lost { get; init; }
    /// <summary>How long the machine was held for its events.</summary>
    public TimeSpan Time { get; init; }
}
