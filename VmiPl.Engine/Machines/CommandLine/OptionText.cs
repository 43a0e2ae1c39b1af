using System.Globalization;
using System.Text;
using System.Text.Json;

namespace VmiPl.Machines.CommandLine;

/// <summary>QEMU's way to write options: <c>first,key=value,flag</c> with <c>,,</c> for a comma in a value, or a JSON object
/// (docs: qemu(1), util/keyval.c). Nothing here throws: what can't be read is left out.</summary>
internal static class OptionText
{
    /// <summary>Keys and values. A first part without <c>=</c> is the value of <paramref name="firstKey"/>, a later one a flag
    /// that is on; of a repeated key the last value counts.</summary>
    public static Dictionary<string, string> Parse(string text, string firstKey)
    {
        if (text.StartsWith('{'))
            return ParseJson(text);
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        bool first = true;
        foreach (string part in SplitAtCommas(text))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
                options[part[..equals]] = part[(equals + 1)..];
            else if (first)
                options[firstKey] = part;
            else if (part.StartsWith("no", StringComparison.Ordinal) && part.Length > 2)
                options[part[2..]] = "off";   // the old way to write it: nowait
            else if (part.Length > 0)
                options[part] = "on";
            first = false;
        }
        return options;
    }

    /// <summary>A size with an optional suffix (K, M, G, T, P, E and B for bytes; fractions allowed); without one in units of
    /// <paramref name="unit"/> bytes.</summary>
    public static bool TryParseSize(string? text, ulong unit, out ulong bytes)
    {
        bytes = 0;
        if (string.IsNullOrEmpty(text))
            return false;
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong hex))
            return TryMultiply(hex, unit, out bytes);
        int shift = char.ToUpperInvariant(text[^1]) switch
        {
            'B' => 0, 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, 'P' => 50, 'E' => 60, _ => -1,
        };
        string number = shift < 0 ? text : text[..^1];
        ulong factor = shift < 0 ? unit : 1UL << shift;
        if (ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out ulong whole))
            return TryMultiply(whole, factor, out bytes);
        if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal fraction)
            || fraction > ulong.MaxValue / factor)
            return false;
        bytes = (ulong)(fraction * factor);
        return true;
    }

    /// <summary>Whether a flag is on.</summary>
    public static bool IsOn(this IReadOnlyDictionary<string, string> options, string key) =>
        options.TryGetValue(key, out string? value) && value is "on" or "yes" or "true" or "y";

    private static IEnumerable<string> SplitAtCommas(string text)
    {
        var part = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != ',')
            {
                part.Append(text[i]);
            }
            else if (i + 1 < text.Length && text[i + 1] == ',')
            {
                part.Append(',');
                i++;
            }
            else
            {
                yield return part.ToString();
                part.Clear();
            }
        }
        yield return part.ToString();
    }

    private static Dictionary<string, string> ParseJson(string text)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                options[property.Name] = property.Value.ValueKind switch
                {
                    JsonValueKind.True => "on",
                    JsonValueKind.False => "off",
                    JsonValueKind.String => property.Value.GetString()!,
                    _ => property.Value.GetRawText(),
                };
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not an object, or none at all: no options.
        }
        return options;
    }

    private static bool TryMultiply(ulong value, ulong factor, out ulong product)
    {
        bool fits = factor == 0 || value <= ulong.MaxValue / factor;
        product = fits ? value * factor : 0;
        return fits;
    }
}
