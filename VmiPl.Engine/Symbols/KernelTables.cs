using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols.Btf;
using VmiPl.Symbols.Kallsyms;

namespace VmiPl.Symbols;

/// <summary>What a kernel image says of itself: release, build id, symbols and types, with the places that symbols and types
/// were read from.</summary>
internal sealed record KernelTables(string Release, string? BuildId, KallsymsTable? Symbols, BtfTypes? Types)
{
    /// <summary>The digit tokens of kallsyms: the place from which it can be decoded again.</summary>
    public ulong TokenDigits { get; init; }

    /// <summary>Start of the BTF blob.</summary>
    public ulong TypesStart { get; init; }

    /// <summary>Whether the places came out of a cache.</summary>
    public bool FromCache { get; init; }

    /// <summary>Searches an image. Throws <see cref="VmiErrorCode.KernelNotFound"/> where not even its banner is found.</summary>
    public static KernelTables Read(KernelImage image, VmiLimits limits)
    {
        KallsymsTable? symbols = KallsymsDecoder.Find(image, limits, out ulong digits);
        ISymbolTable known = symbols ?? (ISymbolTable)new EmptySymbols();
        BtfTypes? types = BtfFinder.Find(image, known, limits, out ulong typesStart);
        return new KernelTables(ReadRelease(image, known), VmiPl.Symbols.BuildId.Find(image, known), symbols, types)
        {
            TokenDigits = digits,
            TypesStart = typesStart,
        };
    }

    private static string ReadRelease(KernelImage image, ISymbolTable symbols)
    {
        Span<byte> bytes = stackalloc byte[KernelBanner.Bytes];
        if (symbols.TryFind("linux_banner", out GuestVirtualAddress banner)
            && KernelBanner.TryParse(bytes[..image.Read(banner.Value, bytes)], out string release))
            return release;
        if (KernelBanner.TryFind(image, out _, out release))
            return release;
        throw new VmiException(VmiErrorCode.KernelNotFound, "The kernel's banner vanished while the guest was read.");
    }
}
