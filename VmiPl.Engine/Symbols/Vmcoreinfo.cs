using System.Globalization;
using System.Text;

namespace VmiPl.Symbols;

/// <summary>The text in which a kernel describes itself to crash dump tools (kernel/vmcore_info.c;
/// Documentation/admin-guide/kdump/vmcoreinfo.rst): lines of <c>KEY=value</c> in a page of its own.</summary>
internal sealed class Vmcoreinfo
{
    private readonly Dictionary<string, string> _values = [];

    /// <summary>What the page starts with.</summary>
    public static ReadOnlySpan<byte> Magic => "OSRELEASE="u8;

    /// <summary>Reads a page; null where it is no such text.</summary>
    public static Vmcoreinfo? Parse(ReadOnlySpan<byte> page)
    {
        int nul = page.IndexOf((byte)0);
        ReadOnlySpan<byte> text = nul < 0 ? page : page[..nul];
        if (!text.StartsWith(Magic))
            return null;
        var info = new Vmcoreinfo();
        foreach (string line in Encoding.ASCII.GetString(text).Split('\n'))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
                info._values.TryAdd(line[..equals], line[(equals + 1)..]);
        }
        return info;
    }

    /// <summary>The kernel's release.</summary>
    public string? Release => _values.GetValueOrDefault("OSRELEASE");

    /// <summary>The build id in lower-case hex.</summary>
    public string? BuildId => _values.GetValueOrDefault("BUILD-ID");

    /// <summary>Whether a 32-bit kernel uses PAE.</summary>
    public bool IsPae => _values.GetValueOrDefault("CONFIG_X86_PAE") == "y";

    /// <summary>The virtual address of a symbol.</summary>
    public bool TryGetSymbol(string name, out ulong address)
    {
        address = 0;
        return _values.TryGetValue($"SYMBOL({name})", out string? text)
            && ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out address);
    }

    /// <summary>A number; the kernel prints them in decimal, signed.</summary>
    public bool TryGetNumber(string name, out long value)
    {
        value = 0;
        return _values.TryGetValue($"NUMBER({name})", out string? text)
            && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
    }
}
