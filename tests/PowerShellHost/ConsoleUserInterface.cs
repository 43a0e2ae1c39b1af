using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Internal;
using System.Security;

namespace VmiPl.PowerShellHost;

/// <summary>Text to standard output; errors, warnings, progress and the verbose and debug streams to standard error, so that
/// output can be piped on. Asks questions on standard input and takes the default where there is none.</summary>
public sealed class ConsoleUserInterface : PSHostUserInterface
{
    private static readonly bool NoColor = Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };

    private readonly ProgressLines _progress;

    /// <summary>Makes the interface; does not own <paramref name="progress"/>.</summary>
    public ConsoleUserInterface(ProgressLines progress) => _progress = progress;

    /// <inheritdoc/>
    public override PSHostRawUserInterface RawUI { get; } = new ConsoleRawUserInterface();

    /// <inheritdoc/>
    public override void Write(string value)
    {
        _progress.Hide();
        Console.Out.Write(Plain(value, Console.IsOutputRedirected));
    }

    /// <summary>Colours only where a terminal shows them.</summary>
    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value)
    {
        _progress.Hide();
        if (Console.IsOutputRedirected || NoColor)
        {
            Console.Out.Write(Plain(value, true));
            return;
        }
        Console.ForegroundColor = foregroundColor;
        Console.Out.Write(value);
        Console.ResetColor();
    }

    /// <inheritdoc/>
    public override void WriteLine(string value)
    {
        _progress.Hide();
        Console.Out.WriteLine(Plain(value, Console.IsOutputRedirected));
    }

    /// <inheritdoc/>
    public override void WriteErrorLine(string value) => ToError("", value);

    /// <inheritdoc/>
    public override void WriteWarningLine(string message) => ToError("WARNING: ", message);

    /// <inheritdoc/>
    public override void WriteVerboseLine(string message) => ToError("VERBOSE: ", message);

    /// <inheritdoc/>
    public override void WriteDebugLine(string message) => ToError("DEBUG: ", message);

    /// <inheritdoc/>
    public override void WriteProgress(long sourceId, ProgressRecord record) => _progress.Show(record);

    /// <summary>A line of standard input; empty at its end.</summary>
    public override string ReadLine()
    {
        _progress.Hide();
        return Console.In.ReadLine() ?? "";
    }

    /// <summary>A secret can't be typed unseen here.</summary>
    public override SecureString ReadLineAsSecureString() => throw NoSecrets();

    /// <inheritdoc/>
    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
        throw NoSecrets();

    /// <inheritdoc/>
    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName,
        PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) => throw NoSecrets();

    /// <summary>Asks for one value per description.</summary>
    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions)
    {
        if (Console.IsInputRedirected)
            throw new HostException($"A value for '{string.Join("', '", descriptions.Select(d => d.Name))}' is missing and nobody can be asked.");
        WriteLine(caption);
        WriteLine(message);
        var answers = new Dictionary<string, PSObject>();
        foreach (FieldDescription description in descriptions)
        {
            Write(description.Name + ": ");
            answers[description.Name] = PSObject.AsPSObject(ReadLine());
        }
        return answers;
    }

    /// <summary>Asks for one of several answers, by label or by hot key ("&amp;Yes"); an empty line takes the default.</summary>
    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        if (Console.IsInputRedirected)
        {
            if (defaultChoice < 0)
                throw new HostException($"{message} Nobody can be asked here; use -Confirm:$false or -Force.");
            return defaultChoice;
        }
        while (true)
        {
            WriteLine($"{caption}\n{message}");
            Write(string.Join("  ", choices.Select(c => c.Label.Replace("&", "", StringComparison.Ordinal) + $" [{HotKey(c)}]")) + ": ");
            string answer = ReadLine().Trim();
            if (answer.Length == 0 && defaultChoice >= 0)
                return defaultChoice;
            for (int i = 0; i < choices.Count; i++)
            {
                if (answer.Equals(HotKey(choices[i]), StringComparison.OrdinalIgnoreCase)
                    || answer.Equals(choices[i].Label.Replace("&", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase))
                    return i;
            }
        }
    }

    private void ToError(string prefix, string message)
    {
        _progress.Hide();
        Console.Error.WriteLine(prefix + Plain(message, Console.IsErrorRedirected));
    }

    /// <summary>PowerShell decorates tables and errors with escape sequences; files, pipes and NO_COLOR get the bare text.</summary>
    private static string Plain(string text, bool isRedirected) =>
        isRedirected || NoColor ? new StringDecorated(text).ToString(OutputRendering.PlainText) : text;

    private static string HotKey(ChoiceDescription choice)
    {
        int mark = choice.Label.IndexOf('&', StringComparison.Ordinal);
        return mark >= 0 && mark + 1 < choice.Label.Length ? choice.Label.Substring(mark + 1, 1) : choice.Label;
    }

    private static NotSupportedException NoSecrets() => new("This host asks for no passwords.");
}
