namespace VmiPl.Commands.Scripts;

/// <summary>One probe of a script: its id and label, the event that it waits for (<c>ExecuteAt(do_exit)</c>), how many data probes and
/// instructions stand in it, filters' contents included, and the outputs that it writes to as a script names them.</summary>
public sealed record VmiProbeSummary(int Id, string? Label, string Event, int DataProbes, IReadOnlyList<string> Outputs);
