namespace VmiPl.Commands.Scripts;

/// <summary>One probe of a script. Plain values, so that it survives remoting.</summary>
public sealed record VmiProbeSummary
{
    /// <summary>Its id.</summary>
    public required int Id { get; init; }
    /// <summary>Its label, or null.</summary>
    public string? Label { get; init; }
    /// <summary>What it waits for, as the script has it: <c>ExecuteAt(do_exit)</c>.</summary>
    public required string Event { get; init; }
    /// <summary>What is watched in the guest for it, or null where there was no machine or the script has errors.</summary>
    public string? Site { get; init; }
    /// <summary>How many data probes and instructions stand in it, filters' contents included.</summary>
    public int DataProbes { get; init; }
    /// <summary>The outputs that it writes to, as a script names them.</summary>
    public required string[] Outputs { get; init; }
    /// <summary>What one event costs, or null for a stream probe and where the script has errors.</summary>
    public VmiProbeCost? Cost { get; init; }

    /// <summary>In one line.</summary>
    public override string ToString() =>
        $"{Id} {(Label is null ? "" : $"{Label}: ")}{Event}{(Outputs.Length == 0 ? "" : $" to {string.Join(' ', Outputs)}")}{(Site is null ? "" : $", {Site}")}";
}
