namespace VmiPl.Tests.Guests;

/// <summary>How often something is done: often enough to show what is wrong, or, with <c>VMIPL_FULL_COUNTS</c> set, as often as it takes to believe
/// that it is right, which may be an hour.</summary>
internal static class FullCounts
{
    /// <summary>Whether they are wanted.</summary>
    public static bool AreWanted { get; } = Environment.GetEnvironmentVariable("VMIPL_FULL_COUNTS") is not null;

    /// <summary>The one or the other.</summary>
    public static int Or(int usually, int full) => AreWanted ? full : usually;
}
