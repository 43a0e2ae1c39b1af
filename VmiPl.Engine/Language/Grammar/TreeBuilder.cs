using System.Collections.Immutable;
using System.Text;
using Irony.Parsing;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Grammar;

/// <summary>Makes our tree of Irony's. Recursion goes as deep as blocks may be nested.</summary>
internal sealed class TreeBuilder(DiagnosticBag diagnostics)
{
    private static readonly ScriptGrammar Grammar = ScriptRun.Grammar;

    public ImmutableArray<EntrySyntax> Entries(ParseTreeNode node, bool inConfiguration)
    {
        var entries = ImmutableArray.CreateBuilder<EntrySyntax>(node.ChildNodes.Count);
        foreach (ParseTreeNode child in node.ChildNodes)
            entries.Add(Entry(child, inConfiguration));
        return entries.MoveToImmutable();
    }

    private EntrySyntax Entry(ParseTreeNode node, bool inConfiguration)
    {
        List<ParseTreeNode> parts = node.ChildNodes;
        if (parts.Count == 1)
            return Invocation(null, parts[0]);
        NameSyntax label = Name(parts[0].ChildNodes[0]);
        ArgumentSyntax value;
        if (parts[1].Term != Grammar.Invocation)
            value = Argument(parts[1]);
        else if (inConfiguration && parts[1].ChildNodes.Count == 1)
            value = Argument(parts[1].ChildNodes[0]);
        else
            return Invocation(label, parts[1]);
        return new SettingSyntax(label, value, Join(label.Span, value.Span));
    }

    private InvocationSyntax Invocation(NameSyntax? label, ParseTreeNode node)
    {
        Lexeme nameLexeme = LexemeOf(node.ChildNodes[0]);
        NameSyntax name = Name(node.ChildNodes[0]);
        ImmutableArray<ArgumentSyntax>? arguments = null;
        ImmutableArray<EntrySyntax>? body = null;
        SourceSpan head = Join((label ?? name).Span, name.Span), span = head;
        for (int i = 1; i < node.ChildNodes.Count; i++)
        {
            ParseTreeNode part = node.ChildNodes[i];
            SourceSpan end = LexemeOf(part.ChildNodes[^1]).Span;
            span = Join(span, end);
            if (part.Term == Grammar.Parenthesized)
            {
                arguments = [.. part.ChildNodes[1].ChildNodes.Select(Argument)];
                head = span;
            }
            else
            {
                body = Entries(part.ChildNodes[1], name.Text.Equals("Configuration", StringComparison.OrdinalIgnoreCase));
            }
        }
        return new InvocationSyntax(label, name, arguments, body, nameLexeme.IsDamaged, head, span);
    }

    private ArgumentSyntax Argument(ParseTreeNode node)
    {
        if (node.Term == Grammar.Sum)
            return Sum(node);
        if (node.Term == Grammar.Signed)
            return Signed(node);
        Lexeme lexeme = LexemeOf(node);
        SourceSpan span = lexeme.Span;
        string text = TextOf(span);
        return lexeme.Kind switch
        {
            LexemeKind.Word => new WordSyntax(text, span),
            LexemeKind.Minus => new DashSyntax(span),
            LexemeKind.Stream => new StreamSyntax(text[1..], span),
            LexemeKind.QuotedText => new TextSyntax(Unescape(span), span),
            LexemeKind.Path => new PathSyntax(text, span),
            LexemeKind.MacAddress => new MacSyntax(text, span),
            _ => new MissingSyntax(span),
        };
    }

    /// <summary>A sum of which a number is missing is missing as a whole: there is nothing to check in it.</summary>
    private ArgumentSyntax Sum(ParseTreeNode node)
    {
        ArgumentSyntax first = Argument(node.ChildNodes[0]);
        var terms = ImmutableArray.CreateBuilder<NumberSyntax>(node.ChildNodes[1].ChildNodes.Count);
        SourceSpan span = first.Span;
        bool isMissing = first is MissingSyntax;
        foreach (ParseTreeNode term in node.ChildNodes[1].ChildNodes)
        {
            ArgumentSyntax number = Signed(term);
            span = Join(span, number.Span);
            isMissing |= number is MissingSyntax;
            if (number is NumberSyntax added)
                terms.Add(added);
        }
        return isMissing ? new MissingSyntax(span) : new SumSyntax(first, terms.ToImmutable(), span);
    }

    /// <summary>A number with or without a sign before it.</summary>
    private ArgumentSyntax Signed(ParseTreeNode node)
    {
        Lexeme first = LexemeOf(node.ChildNodes[0]), last = LexemeOf(node.ChildNodes[^1]);
        SourceSpan span = Join(first.Span, last.Span);
        return last.Kind == LexemeKind.Missing
            ? new MissingSyntax(span)
            : new NumberSyntax(TextOf(last.Span), first.Kind == LexemeKind.Minus, span);
    }

    private NameSyntax Name(ParseTreeNode node)
    {
        SourceSpan span = LexemeOf(node).Span;
        return new NameSyntax(TextOf(span), span);
    }

    private string Unescape(SourceSpan span)
    {
        ReadOnlySpan<char> quoted = diagnostics.Source.Text.AsSpan(span.Start + 1, span.Length - 2);
        if (!quoted.Contains('\\'))
            return quoted.ToString();
        var text = new StringBuilder(quoted.Length);
        for (int i = 0; i < quoted.Length; i++)
        {
            if (quoted[i] != '\\')
            {
                text.Append(quoted[i]);
                continue;
            }
            i++;
            switch (quoted[i])
            {
                case 'n':
                    text.Append('\n');
                    break;
                case 't':
                    text.Append('\t');
                    break;
                case '"' or '\\':
                    text.Append(quoted[i]);
                    break;
                default:
                    var escape = new SourceSpan(span.Start + i, char.IsSurrogatePair(diagnostics.Source.Text, span.Start + 1 + i) ? 3 : 2);
                    diagnostics.Report(DiagnosticIds.UnknownEscape, escape, "write `\\\\` for a backslash", Quote.Short(diagnostics.Source, escape));
                    text.Append(quoted[i]);
                    break;
            }
        }
        return text.ToString();
    }

    private string TextOf(SourceSpan span) => diagnostics.Source.Text.Substring(span.Start, span.Length);

    private static Lexeme LexemeOf(ParseTreeNode node) => (Lexeme)node.Token.Value;

    private static SourceSpan Join(SourceSpan first, SourceSpan last) => new(first.Start, last.End - first.Start);
}
