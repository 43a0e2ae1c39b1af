using System.Collections.Immutable;
using System.Text;

namespace VmiPl.Language.Syntax;

/// <summary>Writes a tree in its canonical form: one entry per line, four spaces per block. What is read from it is the same tree again.</summary>
public static class SyntaxPrinter
{
    private const string Indent = "    ";

    /// <summary>The text of a script, each line ended by LF.</summary>
    public static string Print(ScriptSyntax script)
    {
        var text = new StringBuilder();
        Print(script.Entries, 0, text);
        return text.ToString();
    }

    /// <summary>The text of one argument. A missing one has none.</summary>
    public static string Print(ArgumentSyntax argument) => argument switch
    {
        NumberSyntax number => number.IsNegative ? "-" + number.Digits : number.Digits,
        WordSyntax word => word.Text,
        StreamSyntax stream => "#" + stream.Name,
        TextSyntax text => Quote(text.Text),
        PathSyntax path => path.Text,
        MacSyntax mac => mac.Text,
        DashSyntax => "-",
        SumSyntax sum => Print(sum.First) + string.Concat(sum.Terms.Select(term => (term.IsNegative ? " - " : " + ") + term.Digits)),
        _ => "",
    };

    private static void Print(ImmutableArray<EntrySyntax> entries, int depth, StringBuilder text)
    {
        foreach (EntrySyntax entry in entries)
        {
            Repeat(depth, text);
            if (entry is InvocationSyntax invocation)
                Print(invocation, depth, text);
            else if (entry is SettingSyntax setting)
                text.Append(setting.Key.Text).Append(": ").Append(Print(setting.Value));
            text.Append('\n');
        }
    }

    private static void Print(InvocationSyntax invocation, int depth, StringBuilder text)
    {
        if (invocation.Label is not null)
            text.Append(invocation.Label.Text).Append(": ");
        text.Append(invocation.Name.Text);
        if (invocation.Arguments is { } arguments)
            text.Append('(').AppendJoin(", ", arguments.Select(Print)).Append(')');
        if (invocation.Body is not { } body)
            return;
        text.Append('{');
        if (!body.IsEmpty)
        {
            text.Append('\n');
            Print(body, depth + 1, text);
            Repeat(depth, text);
        }
        text.Append('}');
    }

    private static string Quote(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal)}\"";

    private static void Repeat(int depth, StringBuilder text)
    {
        for (int i = 0; i < depth; i++)
            text.Append(Indent);
    }
}
