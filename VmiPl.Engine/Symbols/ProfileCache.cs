using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using VmiPl.Errors;
using VmiPl.Symbols.Btf;
using VmiPl.Symbols.Kallsyms;

namespace VmiPl.Symbols;

/// <summary>Remembers, per kernel build id, where a kernel keeps its tables, so that nothing needs to be searched the next time.
/// <para>A guest can claim any build id. So an entry holds only places and hashes: the tables are decoded from the very
/// guest that is looked at and must hash to what the entry says, else it counts as a miss. A lying guest can at most cost
/// others the search.</para>
/// <para>Never fails: what can't be read or written is a miss. Files are 0600 in a 0700 folder and replaced by rename, so
/// that several processes may share the folder. Safe from any thread.</para></summary>
public sealed class ProfileCache
{
    private const int MaxEntries = 32, MaxEntryBytes = 4096;
    private const string Extension = ".json";
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnFolder = OwnFile | UnixFileMode.UserExecute;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
    private readonly string? _folder;

    /// <summary>A cache in the given folder, made when first written to; null: a cache that remembers nothing.</summary>
    public ProfileCache(string? folder) => _folder = folder;

    /// <summary>The user's cache: <c>$XDG_CACHE_HOME/vmipl/profiles</c>, else <c>~/.cache/vmipl/profiles</c>; one that
    /// remembers nothing where there is neither.</summary>
    public static ProfileCache ForUser()
    {
        string? root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!Path.IsPathFullyQualified(root ?? ""))
        {
            string? home = Environment.GetEnvironmentVariable("HOME");
            root = Path.IsPathFullyQualified(home ?? "") ? Path.Combine(home!, ".cache") : null;
        }
        return new ProfileCache(root is null ? null : Path.Combine(root, "vmipl", "profiles"));
    }

    /// <summary>The folder; null where nothing is remembered.</summary>
    public string? Folder => _folder;

    /// <summary>The tables of the kernel in an image, if this build was seen before and the guest's bytes agree; else null.</summary>
    internal KernelTables? TryLoad(KernelImage image, VmiLimits limits)
    {
        try
        {
            foreach (string path in Files())
            {
                if (TryParseName(path, out string buildId, out ulong offset) && HasBuildId(image, buildId, offset))
                    return Load(path, buildId, offset, image, limits);
            }
        }
        catch (Exception e) when (IsMiss(e))
        {
            // As if it had never been there.
        }
        return null;
    }

    /// <summary>Remembers an image's tables.</summary>
    internal void Store(KernelImage image, KernelTables tables)
    {
        if (_folder is null || tables.BuildId is null || tables.Symbols is not { } symbols || !image.Contains(tables.BuildIdAddress))
            return;
        var entry = new CacheEntry
        {
            Banner = tables.BannerAddress - image.Start,
            SymbolsStart = symbols.Place.Start - image.Start,
            SymbolsLength = symbols.Place.Length,
            SymbolsDigits = symbols.Place.Digits - image.Start,
            SymbolsHash = Convert.ToHexStringLower(symbols.Fingerprint(image)),
            TypesStart = tables.Types is null ? 0 : tables.TypesAddress - image.Start,
            TypesLength = tables.Types?.Blob.Length ?? 0,
            TypesHash = tables.Types is null ? "" : HashOf(tables.Types),
        };
        string? temporary = null;
        try
        {
            Directory.CreateDirectory(_folder, OwnFolder);
            if ((File.GetUnixFileMode(_folder) & OthersWrite) != 0)
                return;
            string name = $"{tables.BuildId}-{(tables.BuildIdAddress - image.Start).ToString("x", CultureInfo.InvariantCulture)}{Extension}";
            temporary = Path.Combine(_folder, $".{Guid.NewGuid():n}");
            using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnFile }))
                JsonSerializer.Serialize(file, entry);
            File.Move(temporary, Path.Combine(_folder, name), overwrite: true);
            temporary = null;
            DropOldest();
        }
        catch (Exception e) when (IsMiss(e))
        {
            // A full disk or a folder that can't be written: the next look searches again.
        }
        finally
        {
            Discard(temporary);
        }
    }

    private static KernelTables? Load(string path, string buildId, ulong offset, KernelImage image, VmiLimits limits)
    {
        if (new FileInfo(path).Length > MaxEntryBytes)
            return null;
        CacheEntry? entry = JsonSerializer.Deserialize<CacheEntry>(File.ReadAllBytes(path));
        if (entry is not { Version: CacheEntry.CurrentVersion } || entry.SymbolsLength <= 0 || (ulong)entry.SymbolsLength > image.Length
            || entry.TypesLength < 0 || entry.TypesLength > limits.MaxBtfBytes)
            return null;
        var place = new KallsymsPlace(image.Start + entry.SymbolsStart, entry.SymbolsLength, image.Start + entry.SymbolsDigits);
        // The two tables know nothing of each other, and decoding and hashing them is most of the time that a hit takes.
        Task<BtfTypes?> types = Task.Run(() => LoadTypes(entry, image, limits));
        KallsymsTable? symbols = KallsymsDecoder.TryDecode(image, place, limits);
        bool agrees = symbols is not null && Convert.ToHexStringLower(symbols.Fingerprint(image)) == entry.SymbolsHash;
        if (types.GetAwaiter().GetResult() is null && entry.TypesLength > 0 || !agrees)
            return null;
        if (!KernelBanner.TryRead(image, image.Start + entry.Banner, out string release))
            return null;
        Touch(path);
        return new KernelTables(release, buildId, symbols, types.Result)
        {
            BuildIdAddress = image.Start + offset,
            TypesAddress = image.Start + entry.TypesStart,
            BannerAddress = image.Start + entry.Banner,
            FromCache = true,
        };
    }

    /// <summary>The types at an entry's place; null where it has none or the guest's bytes do not agree.</summary>
    private static BtfTypes? LoadTypes(CacheEntry entry, KernelImage image, VmiLimits limits)
    {
        if (entry.TypesLength == 0)
            return null;
        BtfTypes? types = BtfFinder.TryRead(image, image.Start + entry.TypesStart, entry.TypesLength, limits);
        return types is not null && HashOf(types) == entry.TypesHash ? types : null;
    }

    /// <summary>Entries, newest first.</summary>
    private IEnumerable<string> Files()
    {
        if (_folder is null || !Directory.Exists(_folder) || (File.GetUnixFileMode(_folder) & OthersWrite) != 0)
            return [];
        return new DirectoryInfo(_folder).EnumerateFiles("*" + Extension)
            .Take(4 * MaxEntries)
            .OrderByDescending(file => file.LastWriteTimeUtc)
            .Select(file => file.FullName);
    }

    private void DropOldest()
    {
        foreach (string path in Files().Skip(MaxEntries).ToList())
            Discard(path);
    }

    private static bool TryParseName(string path, out string buildId, out ulong offset)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        int dash = name.IndexOf('-', StringComparison.Ordinal);
        buildId = dash > 0 ? name[..dash] : "";
        offset = 0;
        return dash > 0 && buildId.Length % 2 == 0 && buildId.Length <= 128 && buildId.All(char.IsAsciiHexDigitLower)
            && ulong.TryParse(name.AsSpan(dash + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out offset);
    }

    private static bool HasBuildId(KernelImage image, string buildId, ulong offset)
    {
        Span<byte> bytes = stackalloc byte[64];
        bytes = bytes[..(buildId.Length / 2)];
        return offset < image.Length && image.TryRead(image.Start + offset, bytes)
            && bytes.SequenceEqual(Convert.FromHexString(buildId));
    }

    private static string HashOf(BtfTypes types) => Convert.ToHexStringLower(SHA256.HashData(types.Blob.Span));

    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception e) when (IsMiss(e))
        {
            // Somebody removed it meanwhile, or may only read it.
        }
    }

    private static void Discard(string? path)
    {
        try
        {
            if (path is not null)
                File.Delete(path);
        }
        catch (Exception e) when (IsMiss(e))
        {
            // Left behind; the bound on entries sees to it another time.
        }
    }

    private static bool IsMiss(Exception e) => e is IOException or UnauthorizedAccessException or JsonException or NotSupportedException or System.Security.SecurityException;
}
