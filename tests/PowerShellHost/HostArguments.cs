using System.Management.Automation.Language;
using System.Text;

namespace VmiPl.PowerShellHost;

/// <summary>The command line: a script file with its arguments, or a command's text.</summary>
public sealed record HostArguments
{
    /// <summary>What to print for a command line that is not understood.</summary>
    public const string Usage =
        """
        usage: PowerShellHost SCRIPT.ps1 [ARGUMENTS]
               PowerShellHost -File SCRIPT.ps1 [ARGUMENTS]
               PowerShellHost -Command TEXT
        Arguments are bound as pwsh binds them: -Name value, -Name:value, -Switch, -Switch:$false, or by position.
        """;

    /// <summary>A script's <c>exit N</c> ends that script alone and shows in its caller's $? and $LASTEXITCODE.</summary>
    private const string HandOnFailure = "\nif (-not $?) { exit $(if ($LASTEXITCODE) { $LASTEXITCODE } else { 1 }) }";

    /// <summary>The script text to run: the command as given, or a call of the script file that hands on its exit code.</summary>
    public required string ScriptText { get; init; }

    /// <summary>Reads the command line; null where it makes no sense.</summary>
    public static HostArguments? Parse(ReadOnlySpan<string> args)
    {
        // Switches of pwsh that change nothing here are taken, so that a command line for pwsh works as it is.
        while (args.Length > 0 && (Is(args[0], "-NoProfile") || Is(args[0], "-NonInteractive") || Is(args[0], "-NoLogo")))
            args = args[1..];

        if (args.Length == 0)
            return null;
        if (Is(args[0], "-Command") || Is(args[0], "-c"))
            return args.Length < 2 ? null : new HostArguments { ScriptText = string.Join(' ', args[1..]!) + HandOnFailure };
        if (Is(args[0], "-File") || Is(args[0], "-f"))
            args = args[1..];
        if (args.Length == 0 || args[0].StartsWith('-'))
            return null;

        return new HostArguments { ScriptText = CallOf(Path.GetFullPath(args[0]), args[1..]) };
    }

    private static string CallOf(string path, ReadOnlySpan<string> args)
    {
        var text = new StringBuilder("& ").Append(Quote(path));
        foreach (string arg in args)
        {
            int colon = arg.IndexOf(':', StringComparison.Ordinal);
            text.Append(' ');
            if (!LooksLikeParameter(arg))
                text.Append(Quote(arg));
            else if (colon < 0)
                text.Append(arg);
            else
                text.Append(arg.AsSpan(0, colon + 1)).Append(Value(arg[(colon + 1)..]));
        }
        return text.Append(HandOnFailure).ToString();
    }

    /// <summary>A dash and a name, as far as the first colon: "-5", "-" and "-a;b" are values.</summary>
    private static bool LooksLikeParameter(string arg)
    {
        int colon = arg.IndexOf(':', StringComparison.Ordinal);
        ReadOnlySpan<char> name = arg.AsSpan(0, colon < 0 ? arg.Length : colon);
        if (name.Length < 2 || name[0] != '-' || !char.IsAsciiLetter(name[1]))
            return false;
        foreach (char c in name[1..])
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '_')
                return false;
        }
        return true;
    }

    private static string Value(string text) =>
        Is(text, "$true") || Is(text, "$false") ? text : Quote(text);

    private static string Quote(string text) => $"'{CodeGeneration.EscapeSingleQuotedStringContent(text)}'";

    private static bool Is(string arg, string name) => arg.Equals(name, StringComparison.OrdinalIgnoreCase);
}
