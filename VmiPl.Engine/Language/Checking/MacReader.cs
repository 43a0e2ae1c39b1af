using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Reads a MAC address: six bytes with colons or hyphens between them.</summary>
internal static class MacReader
{
    private const int Length = 17;

    /// <summary>In lower case with colons, or null; that is then reported.</summary>
    public static string? Read(Arguments arguments, int index)
    {
        if (arguments[index] is MacSyntax mac && IsMac(mac.Text))
            return mac.Text.Replace('-', ':').ToLowerInvariant();
        if (arguments[index] is MacSyntax or WordSyntax or NumberSyntax or TextSyntax or PathSyntax)
            return arguments.Report<string>(DiagnosticIds.BadMacAddress, index, "it is six pairs of hexadecimal digits without quotes: `00:16:35:af:94:4b`", Shown.Text(arguments[index]));
        return arguments.WrongKind<string>(index);
    }

    private static bool IsMac(string text)
    {
        if (text.Length != Length || text[2] is not (':' or '-'))
            return false;
        for (int i = 0; i < Length; i++)
        {
            if (i % 3 == 2 ? text[i] != text[2] : !char.IsAsciiHexDigit(text[i]))
                return false;
        }
        return true;
    }
}
