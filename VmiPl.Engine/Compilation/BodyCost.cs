namespace VmiPl.Compilation;

/// <summary>What one event costs at most, filters taken as true: instructions of the program, calls that read or write guest memory, bytes that
/// they may move, and records. Where the body lists processes, <see cref="PerProcess"/> comes on top for each of them.</summary>
public sealed record BodyCost(int Instructions, int GuestAccesses, long GuestBytes, int Records, BodyCost? PerProcess = null);
