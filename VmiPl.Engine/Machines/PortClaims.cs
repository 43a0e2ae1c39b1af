using System.Globalization;
using System.Text.RegularExpressions;

namespace VmiPl.Machines;

/// <summary>Which I/O ports a machine's devices claim, from the monitor's <c>info mtree -f</c> (7.2, 10.0, 11.1): the flat view of the address space
/// <c>I/O</c>.</summary>
internal static partial class PortClaims
{
    /// <summary>The first of <paramref name="candidates"/> that nobody claims; null where all are. Where the text has no such address space, the first.</summary>
    public static byte? FirstFree(string text, ReadOnlySpan<byte> candidates)
    {
        List<(ulong First, ulong Last)> claimed = Parse(text);
        foreach (byte candidate in candidates)
        {
            if (!claimed.Any(range => candidate >= range.First && candidate <= range.Last))
                return candidate;
        }
        return null;
    }

    private static List<(ulong First, ulong Last)> Parse(string text)
    {
        var claimed = new List<(ulong, ulong)>();
        bool inPorts = false;
        foreach (string line in text.Split('\n'))
        {
            if (line.StartsWith("FlatView", StringComparison.Ordinal))
            {
                if (inPorts)
                    break;
            }
            else if (line.StartsWith(" AS \"I/O\",", StringComparison.Ordinal))
            {
                inPorts = true;
            }
            else if (inPorts && PieceLine().Match(line) is { Success: true } match && match.Groups[3].Value != "io")
            {
                // The whole of it, by the name of the space itself, is what nobody claims.
                claimed.Add((Hex(match.Groups[1].Value), Hex(match.Groups[2].Value)));
            }
        }
        return claimed;
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^  ([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?[0-9]+, [a-z/-]+\): (\S+)", RegexOptions.CultureInvariant)]
    private static partial Regex PieceLine();
}
