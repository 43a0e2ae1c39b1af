using VmiPl.Probes;

namespace VmiPl.Commands.Probes;

/// <summary>What one probe of a session is and has done so far. Plain values, so that it survives remoting.</summary>
public sealed record VmiProbeStatus
{
    /// <summary>Its id.</summary>
    public required int Id { get; init; }
    /// <summary>Its label, or null.</summary>
    public string? Label { get; init; }
    /// <summary>The event, or the kind of stream: <c>ExecuteAt</c>, <c>CaptureNetwork</c>.</summary>
    public required string Event { get; init; }
    /// <summary>What is watched for it; empty for requests, resumptions and streams.</summary>
    public required string[] Places { get; init; }
    /// <summary>Whether it is switched on.</summary>
    public bool IsEnabled { get; init; }
    /// <summary>Whether its body of now is empty, so that nothing is watched.</summary>
    public bool IsSilent { get; init; }
    /// <summary>The number of the body that it runs: 0 for its script's own.</summary>
    public int Body { get; init; }
    /// <summary>Events at which its program ran.</summary>
    public long Hits { get; init; }
    /// <summary>Events at which a filter said no.</summary>
    public long Filtered { get; init; }
    /// <summary>Records made, lost ones included.</summary>
    public long Records { get; init; }
    /// <summary>Records that nobody took in time.</summary>
    public long Lost { get; init; }
    /// <summary>How long the machine was held for its events.</summary>
    public TimeSpan Time { get; init; }

    /// <summary>In one line.</summary>
    public override string ToString() =>
        $"{Id} {(Label is null ? "" : $"{Label}: ")}{Event}{(Places.Length == 0 ? "" : $" at {string.Join(", ", Places)}")}: "
        + $"{(IsEnabled ? IsSilent ? "silent, " : "" : "off, ")}{Hits} events, {Records} records{(Lost == 0 ? "" : $", {Lost} LOST")}";

    internal static VmiProbeStatus Of(ProbeStatus status) => new()
    {
        Id = status.Id, Label = status.Label, Event = status.Event, Places = [.. status.Places], IsEnabled = status.IsEnabled, IsSilent = status.IsSilent,
        Body = status.Body, Hits = status.Hits, Filtered = status.Filtered, Records = status.Records, Lost = status.Lost, Time = status.Time,
    };
}
