namespace VmiPl.Probes.Shim.Sites;

/// <summary>What is watched: an instruction (<paramref name="Length"/> 0), or memory that is written or, <paramref name="OnRead"/>, read.</summary>
internal readonly record struct SiteKey(ulong Address, ulong Length, bool OnRead)
{
    /// <summary>Whether it is an instruction.</summary>
    public bool IsCode => Length == 0;

    /// <summary>What a trap watches.</summary>
    public static SiteKey Of(Trap trap) => trap is WatchTrap watch ? new SiteKey(watch.Place.Address, watch.Length, watch.OnRead) : new SiteKey(trap.Place.Address, 0, false);
}
