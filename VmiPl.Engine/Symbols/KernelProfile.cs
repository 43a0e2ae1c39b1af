using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols.Kallsyms;

namespace VmiPl.Symbols;

/// <summary>What one guest's kernel looks like: where a symbol is, at which offset a member. Asked in this order: what a
/// Configuration gives, the kernel's own tables, what was inferred. Immutable; safe from any thread.</summary>
public sealed class KernelProfile
{
    private readonly IReadOnlyDictionary<string, int> _inferredOffsets;
    private readonly IReadOnlyDictionary<string, ulong> _inferredSymbols;
    private readonly Dictionary<string, int> _givenOffsets = [];
    private readonly Dictionary<string, ulong> _givenSymbols = [];

    /// <summary>Makes a profile. Keys of <paramref name="inferredOffsets"/> are <c>"type.member"</c>, with a type's own size
    /// under <c>"sizeof type"</c>.</summary>
    public KernelProfile(
        string release, string? buildId, KernelLocation location, ISymbolTable symbols, ITypeTable? types,
        IReadOnlyDictionary<string, int>? inferredOffsets = null, IReadOnlyDictionary<string, ulong>? inferredSymbols = null)
    {
        Release = release;
        BuildId = buildId;
        Location = location;
        Symbols = symbols;
        Types = types;
        _inferredOffsets = inferredOffsets ?? new Dictionary<string, int>();
        _inferredSymbols = inferredSymbols ?? new Dictionary<string, ulong>();
        Configuration = new Dictionary<string, string>();
    }

    private KernelProfile(KernelProfile other, IReadOnlyDictionary<string, string> configuration)
        : this(other.Release, other.BuildId, other.Location, other.Symbols, other.Types, other._inferredOffsets, other._inferredSymbols) =>
        Configuration = configuration;

    /// <summary>The kernel's release, as <c>uname -r</c> gives it.</summary>
    public string Release { get; }

    /// <summary>The kernel's GNU build id in lower-case hex; null where it has none.</summary>
    public string? BuildId { get; }

    /// <summary>Where the kernel lies.</summary>
    public KernelLocation Location { get; }

    /// <summary>Bytes of a kernel pointer.</summary>
    public int PointerSize => Location.Mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4;

    /// <summary>The kernel's symbols.</summary>
    public ISymbolTable Symbols { get; }

    /// <summary>The kernel's types; null where the kernel has no BTF.</summary>
    public ITypeTable? Types { get; }

    /// <summary>Offsets that were inferred, by <c>"type.member"</c>.</summary>
    public IReadOnlyDictionary<string, int> InferredOffsets => _inferredOffsets;

    /// <summary>The Configuration that lies over this profile, as it was given; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Configuration { get; }

    /// <summary>The values that a Configuration can give, as far as they are known, each with where it comes from.</summary>
    public IEnumerable<ProfileEntry> Entries
    {
        get
        {
            foreach ((string key, string[] names) in ConfigurationKeys.Symbols)
            {
                foreach (string name in names)
                {
                    if (TryGetSymbol(name, out GuestVirtualAddress address, out ProfileSource source))
                    {
                        yield return new ProfileEntry(key, address.Value, source);
                        break;
                    }
                }
            }
            foreach ((string key, (string type, string member)) in ConfigurationKeys.Offsets)
            {
                if (TryGetOffset(type, member, out int offset, out ProfileSource source))
                    yield return new ProfileEntry(key, (ulong)offset, source);
            }
        }
    }

    /// <summary>The same profile with a Configuration over it: keys that it gives win, the others stay. Keys are those of the
    /// language, in any case; addresses are hexadecimal with <c>0x</c> or decimal, offsets likewise. Throws
    /// <see cref="VmiErrorCode.InvalidArgument"/> for an unknown key or a value that is no number.</summary>
    public KernelProfile WithConfiguration(IReadOnlyDictionary<string, string> configuration)
    {
        var result = new KernelProfile(this, new Dictionary<string, string>(configuration, StringComparer.OrdinalIgnoreCase));
        foreach ((string key, string text) in configuration)
        {
            if (ConfigurationKeys.Kept.Contains(key))
                continue;
            ulong value = Number(key, text);
            if (ConfigurationKeys.Symbols.TryGetValue(key, out string[]? names))
            {
                foreach (string name in names)
                    result._givenSymbols[name] = value;
            }
            else if (!ConfigurationKeys.Offsets.TryGetValue(key, out (string Type, string Member) member))
            {
                throw new VmiException(VmiErrorCode.InvalidArgument, $"A Configuration has no key '{key}'.", key);
            }
            else if (value > int.MaxValue)
            {
                throw new VmiException(VmiErrorCode.InvalidArgument, $"'{text}' is too large for the offset '{key}'.", key);
            }
            else
            {
                result._givenOffsets[$"{member.Type}.{member.Member}"] = (int)value;
            }
        }
        return result;
    }

    /// <summary>The address of a symbol, or false.</summary>
    public bool TryGetSymbol(string name, out GuestVirtualAddress address) => TryGetSymbol(name, out address, out _);

    /// <summary>The address of a symbol and where it comes from, or false.</summary>
    public bool TryGetSymbol(string name, out GuestVirtualAddress address, out ProfileSource source)
    {
        source = ProfileSource.Configuration;
        bool given = _givenSymbols.TryGetValue(name, out ulong value);
        address = new GuestVirtualAddress(value);
        if (given)
            return true;
        source = Symbols is KallsymsTable ? ProfileSource.Kallsyms : ProfileSource.Ksymtab;
        if (Symbols.TryFind(name, out address))
            return true;
        source = ProfileSource.Inferred;
        bool found = _inferredSymbols.TryGetValue(name, out value);
        address = new GuestVirtualAddress(value);
        return found;
    }

    /// <summary>The offset in bytes of a member, or false; see <see cref="ITypeTable.TryGetOffset"/>. A Configuration's
    /// offsets answer to the names <c>file</c>/<c>f_path.dentry</c> (DEntryOffset) and <c>dentry</c>/<c>d_name.name</c>
    /// (DNameOffset), not to parts of those paths.</summary>
    public bool TryGetOffset(string type, string member, out int offset) => TryGetOffset(type, member, out offset, out _);

    /// <summary>The offset in bytes of a member and where it comes from, or false.</summary>
    public bool TryGetOffset(string type, string member, out int offset, out ProfileSource source)
    {
        source = ProfileSource.Configuration;
        if (_givenOffsets.Count > 0 && _givenOffsets.TryGetValue($"{type}.{member}", out offset))
            return true;
        source = ProfileSource.Btf;
        if (Types is not null && Types.TryGetOffset(type, member, out offset))
            return true;
        source = ProfileSource.Inferred;
        return _inferredOffsets.TryGetValue($"{type}.{member}", out offset);
    }

    /// <summary>The size in bytes of a type, or false.</summary>
    public bool TryGetSize(string type, out int size) =>
        (Types is not null && Types.TryGetSize(type, out size))
        || _inferredOffsets.TryGetValue($"sizeof {type}", out size);

    private static ulong Number(string key, string text) => ConfigurationKeys.TryNumber(text, out ulong value)
        ? value
        : throw new VmiException(VmiErrorCode.InvalidArgument, $"'{text}' is no number for the key '{key}'.", key);
}
