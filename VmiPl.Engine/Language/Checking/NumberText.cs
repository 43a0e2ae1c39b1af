using System.Globalization;
using VmiPl.Language.Syntax;

namespace VmiPl.Language.Checking;

/// <summary>What a number's digits are worth.</summary>
internal static class NumberText
{
    /// <summary>The number without its sign; false where it has more than 64 bits.</summary>
    public static bool TryRead(NumberSyntax number, out ulong magnitude) => number.Digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? ulong.TryParse(number.Digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out magnitude)
        : ulong.TryParse(number.Digits, NumberStyles.None, CultureInfo.InvariantCulture, out magnitude);

    /// <summary>Whether a text is written as a number is.</summary>
    public static bool IsNumber(string text) => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? text.Length > 2 && text.Skip(2).All(char.IsAsciiHexDigit)
        : text.Length > 0 && !text.AsSpan().ContainsAnyExceptInRange('0', '9');

    /// <summary>In two's complement of so many bits, or null where the number does not fit into them. Bits are 8, 16, 32 or 64.</summary>
    public static ulong? Complement(bool isNegative, ulong magnitude, int bits)
    {
        ulong all = ulong.MaxValue >> (64 - bits), half = 1UL << (bits - 1);
        if (magnitude > (isNegative ? half : all))
            return null;
        return isNegative ? unchecked(0 - magnitude) & all : magnitude;
    }
}
