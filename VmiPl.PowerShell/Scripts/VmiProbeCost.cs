namespace VmiPl.Commands.Scripts;

/// <summary>What one event costs at most, filters taken as true: instructions of the program, reads and writes of guest memory, the bytes that
/// they may move, and records. <see cref="PerProcess"/> comes on top for each process that the event lists; null where it lists none.</summary>
public sealed record VmiProbeCost(int Instructions, int GuestAccesses, long GuestBytes, int Records, VmiProbeCost? PerProcess)
{
    /// <summary>In words.</summary>
    public override string ToString() =>
        $"{Count(Instructions, "instruction", "s")}, {Count(GuestAccesses, "guest access", "es")}" + (PerProcess is null ? "" : $"; per process {PerProcess}");

    private static string Count(int number, string what, string plural) => $"{number} {what}{(number == 1 ? "" : plural)}";
}
