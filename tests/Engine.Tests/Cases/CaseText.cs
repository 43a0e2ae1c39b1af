using System.Globalization;

namespace VmiPl.Tests.Cases;

/// <summary>The small things that cases are written with: numbers, bytes, addresses with bytes.</summary>
public static class CaseText
{
    /// <summary>A decimal or, with <c>0x</c>, hexadecimal number of up to 64 bits.</summary>
    public static ulong Number(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.Parse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
        : ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>Pairs of hexadecimal digits in the order of memory; blanks mean nothing.</summary>
    public static byte[] Bytes(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));

    /// <summary><c>0x1000: 61 62</c>.</summary>
    public static (ulong Number, byte[] Bytes) Run(string line)
    {
        (ulong number, string rest) = Pair(line);
        return (number, Bytes(rest));
    }

    /// <summary><c>0x1000: something</c>.</summary>
    public static (ulong Number, string Text) Pair(string line)
    {
        string[] parts = line.Split(':', 2);
        return parts.Length == 2
            ? (Number(parts[0].Trim()), parts[1].Trim())
            : throw new FormatException($"'{line}' has no colon.");
    }
}
