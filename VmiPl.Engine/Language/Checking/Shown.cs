using System.Globalization;
using System.Text;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>How pieces of a script look in a message: short, and without characters that a terminal would act on.</summary>
internal static class Shown
{
    private const int MaxLength = 60;

    public static string Of(string text)
    {
        bool isLong = text.Length > MaxLength;
        var shown = new StringBuilder(text, 0, isLong ? MaxLength : text.Length, MaxLength + 1);
        for (int i = 0; i < shown.Length; i++)
        {
            if (char.IsControl(shown[i]) || char.GetUnicodeCategory(shown[i]) is UnicodeCategory.Format or UnicodeCategory.Surrogate)
                shown[i] = '.';
        }
        return isLong ? shown.Append('…').ToString() : shown.ToString();
    }

    /// <summary>An argument as it is written.</summary>
    public static string Text(ArgumentSyntax argument) => Of(argument switch
    {
        NumberSyntax number => (number.IsNegative ? "-" : "") + number.Digits,
        WordSyntax word => word.Text,
        SumSyntax sum => Text(sum.First) + string.Concat(sum.Terms.Take(MaxLength).Select(term => (term.IsNegative ? "" : "+") + Text(term))),
        StreamSyntax stream => "#" + stream.Name,
        TextSyntax text => $"\"{text.Text}\"",
        PathSyntax path => path.Text,
        MacSyntax mac => mac.Text,
        DashSyntax => "-",
        _ => "",
    });

    /// <summary>An argument as the beginning of a sentence.</summary>
    public static string Sentence(ArgumentSyntax argument) => argument switch
    {
        NumberSyntax => $"The number {Text(argument)}",
        WordSyntax word when RegisterTable.Find(word.Text) is not null => $"The register `{Text(word)}`",
        WordSyntax => $"The word `{Text(argument)}`",
        StreamSyntax => $"The stream `{Text(argument)}`",
        TextSyntax => $"The quoted text {Text(argument)}",
        PathSyntax => $"The path `{Text(argument)}`",
        MacSyntax => $"The MAC address `{Text(argument)}`",
        _ => $"`{Text(argument)}`",
    };

    /// <summary>One of a thing, or many.</summary>
    public static string Count(int number, string one) => number == 1 ? $"1 {one}" : $"{(number == 0 ? "no" : number.ToString(CultureInfo.InvariantCulture))} {one}s";
}
