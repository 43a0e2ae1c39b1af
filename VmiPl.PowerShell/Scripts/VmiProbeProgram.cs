namespace VmiPl.Commands.Scripts;

/// <summary>A program that an event probe may run, for people to read. <see cref="Body"/> 0 is the script's own; the others are what
/// <c>Reconfigure</c> puts in its place, in the order of the text. Where <see cref="IsEstimate"/>, no machine was given: addresses and offsets
/// in it are stand-ins.</summary>
public sealed record VmiProbeProgram(int ProbeId, string Event, int Body, bool IsEstimate, IReadOnlyList<string> Lines)
{
    /// <summary>The listing behind a line that says whose it is.</summary>
    public override string ToString() =>
        $"; probe {ProbeId} {Event}, body {Body}{(IsEstimate ? ": an estimate; addresses and offsets are stand-ins without -Machine" : "")}\n{string.Join('\n', Lines)}";
}
