namespace VmiPl.Probes.Tracking;

/// <summary>A driver's probe, for which something is trapped.</summary>
internal interface ITrapOwner
{
    /// <summary>What it is, and what is watched for it.</summary>
    PlacedProbe Placed { get; }

    /// <summary>Whether anything has to be watched for it now.</summary>
    bool IsActive { get; }
}
