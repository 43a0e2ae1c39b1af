using System.Globalization;

namespace VmiPl.Language.Grammar;

/// <summary>How a message shows a piece of the script.</summary>
internal static class Quote
{
    private const int MaxLength = 40;

    /// <summary>The text between back quotes, not longer than one can read at a glance; a single character that may not be seen, or be
    /// taken for another, by its number as well.</summary>
    public static string Of(SourceText source, SourceSpan span)
    {
        if (span.Length == 0)
            return "the script's end";
        string code = span.Length == 1 && source.Text[span.Start] is < ' ' or > '~'
            ? string.Create(CultureInfo.InvariantCulture, $" (U+{(int)source.Text[span.Start]:X4})")
            : "";
        return $"`{Short(source, span)}`{code}";
    }

    /// <summary>The same without the back quotes.</summary>
    public static string Short(SourceText source, SourceSpan span)
    {
        ReadOnlySpan<char> text = source.Text.AsSpan(span.Start, span.Length);
        bool isCut = text.Length > MaxLength;
        if (isCut)
            text = text[..(char.IsHighSurrogate(text[MaxLength - 1]) ? MaxLength - 1 : MaxLength)];
        string shown = string.Concat(text.ToString().Select(c => char.IsControl(c) || (span.Length == 1 && char.IsSurrogate(c)) ? '\uFFFD' : c));
        return isCut ? shown + "…" : shown;
    }

}
