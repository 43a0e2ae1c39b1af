using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols.Btf;
using VmiPl.Symbols.Kallsyms;

namespace VmiPl.Symbols;

/// <summary>What a kernel image says of itself: release, build id, symbols and types, with the places that symbols and types
/// were read from.</summary>
internal sealed record KernelTables(string Release, string? BuildId, KallsymsTable? Symbols, BtfTypes? Types)
{
    /// <summary>Where the build id's bytes lie.</summary>
    public ulong BuildIdAddress { get; init; }

    /// <summary>Start of the BTF blob.</summary>
    public ulong TypesAddress { get; init; }

    /// <summary>Where the banner lies.</summary>
    public ulong BannerAddress { get; init; }

    /// <summary>Whether the places came out of a cache.</summary>
    public bool FromCache { get; init; }

    /// <summary>Searches an image. Throws <see cref="VmiErrorCode.KernelNotFound"/> where not even its banner is found.</summary>
    public static KernelTables Read(KernelImage image, VmiLimits limits)
    {
        KallsymsTable? symbols = KallsymsDecoder.Find(image, limits);
        ISymbolTable known = symbols ?? (ISymbolTable)new EmptySymbols();
        BtfTypes? types = BtfFinder.Find(image, known, limits, out ulong typesAddress);
        string? buildId = VmiPl.Symbols.BuildId.Find(image, known, out ulong buildIdAddress);
        string release = ReadRelease(image, known, out ulong banner);
        return new KernelTables(release, buildId, symbols, types)
        {
            BuildIdAddress = buildIdAddress,
            TypesAddress = typesAddress,
            BannerAddress = banner,
        };
    }

    private static string ReadRelease(KernelImage image, ISymbolTable symbols, out ulong address)
    {
        if (symbols.TryFind("linux_banner", out GuestVirtualAddress banner) && KernelBanner.TryRead(image, banner.Value, out string release))
        {
            address = banner.Value;
            return release;
        }
        if (KernelBanner.TryFind(image, out address, out release))
            return release;
        throw new VmiException(VmiErrorCode.KernelNotFound, "The kernel's banner vanished while the guest was read.");
    }
}
