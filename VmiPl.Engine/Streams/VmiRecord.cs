namespace VmiPl.Streams;

/// <summary>What a data probe yields at an event. Immutable, with no live handle inside, so that it survives serialisation.</summary>
public abstract record VmiRecord
{
    /// <summary>The host's time of the event, UTC.</summary>
    public DateTime Time { get; init; }
    /// <summary>The record's number among its event probe's, from 0, without gaps but those of announced losses.</summary>
    public long Sequence { get; init; }
    /// <summary>The machine's name.</summary>
    public string Machine { get; init; } = "";
    /// <summary>The index of the vCPU on which the event happened.</summary>
    public int Vcpu { get; init; }
    /// <summary>The event probe's id.</summary>
    public int ProbeId { get; init; }
    /// <summary>The event probe's label, or null.</summary>
    public string? Label { get; init; }
    /// <summary>The event: <c>ExecuteAt</c>.</summary>
    public string Event { get; init; } = "";
    /// <summary>The data probe, filter or instruction: <c>ReadRegister</c>.</summary>
    public string Probe { get; init; } = "";
    /// <summary>The stream's name, or the file's path.</summary>
    public string Stream { get; init; } = "";
    /// <summary>What did not work, in words; null where all did.</summary>
    public string? Error { get; init; }
}
