using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Probes.Shim.Sites;

/// <summary>A place that is trapped, and how: <paramref name="Site"/> without its uses, <paramref name="Way"/> for people.</summary>
internal sealed record SitePlace(SiteKey Key, AbiSite Site, string Way)
{
    /// <summary>Whether it takes one of the debug registers.</summary>
    public bool TakesRegister => Site.Trap is AbiTrap.Execute or AbiTrap.Write or AbiTrap.Access;

    /// <summary>What stands in the guest's code for it, and what would stand there without.</summary>
    public IEnumerable<(ulong Address, byte[] Original)> Changes()
    {
        if (Site.Trap is not (AbiTrap.Port or AbiTrap.Int3))
            yield break;
        yield return (Site.Address, Site.Original.First(Site.Length));
        if (Site.Cave != 0)
            yield return (Site.Cave, Site.CaveOriginal.First(Site.CaveLength));
    }
}
