using System.Globalization;

namespace VmiPl.Language.Checking;

/// <summary>Reads a value and, behind it, its size in bytes, which may be left out.</summary>
internal static class SizedValue
{
    public static (ulong Value, int? Size)? Read(Arguments arguments, int index)
    {
        bool hasSize = arguments.Count > index + 1;
        // The value is the first in the text, but what it may be depends on the size.
        ulong? size = hasSize ? arguments.OneOf(index + 1, 1, 2, 4, 8) : null;
        int bytes = (int)(size ?? sizeof(ulong));
        ulong? value = arguments.Value(index, bytes * 8, string.Create(CultureInfo.InvariantCulture, $"{Shown.Count(bytes, "byte")}"));
        return value is { } number && (size is not null || !hasSize) ? (number, (int?)size) : null;
    }
}
