using System.Globalization;

namespace VmiPl.Compilation.Sites;

/// <summary>A guest-virtual address and what stands there, for people: a symbol, with an offset in bytes where there is one, or null.</summary>
public readonly record struct NamedAddress(ulong Address, string? Name)
{
    /// <summary>Address and name.</summary>
    public override string ToString()
    {
        string address = string.Create(CultureInfo.InvariantCulture, $"0x{Address:x}");
        return Name is null ? address : $"{Name} ({address})";
    }
}
