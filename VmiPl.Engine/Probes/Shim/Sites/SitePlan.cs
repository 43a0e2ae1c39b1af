using System.Collections.Immutable;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Probes.Tracking;

namespace VmiPl.Probes.Shim.Sites;

/// <summary>All that is to be trapped at one time: the sites with what is done at each. <paramref name="HasOwn"/>: the driver's own are among them.</summary>
internal sealed record SitePlan(ImmutableArray<SitePlace> Places, ImmutableArray<ImmutableArray<TrapUse>> Uses, bool HasOwn)
{
    /// <summary>Nothing.</summary>
    public static SitePlan Empty { get; } = new([], [], true);

    /// <summary>What stands in the guest's code for it, and what would stand there without.</summary>
    public IReadOnlyList<(ulong Address, byte[] Original)> Changes() => [.. Places.SelectMany(place => place.Changes())];
}
