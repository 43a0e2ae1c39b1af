using System.Collections.Immutable;
using VmiPl.Language;
using VmiPl.Language.Syntax;

namespace VmiPl.Tests.Language;

/// <summary>A text and what the parser made of it.</summary>
internal sealed record Reading(string Text, ScriptSyntax Tree, ImmutableArray<Diagnostic> Diagnostics)
{
    public static Reading Of(string text)
    {
        var source = new SourceText(text);
        var bag = new DiagnosticBag(source);
        ScriptSyntax tree = ScriptParser.Parse(source, bag);
        return new Reading(text, tree, bag.ToSorted());
    }

    /// <summary>The canonical form of a text that has no mistakes.</summary>
    public static string Canonical(string text)
    {
        Reading reading = Of(text);
        Assert.Empty(reading.Diagnostics);
        return SyntaxPrinter.Print(reading.Tree);
    }

    /// <summary>Each diagnostic as <c>line:column id</c>.</summary>
    public string Places => string.Join(", ", Diagnostics.Select(d => $"{d.Line}:{d.Column} {d.Id[3..]}"));

    public string Printed => SyntaxPrinter.Print(Tree);

    /// <summary>Whether what is printed of the tree is read as the same tree, without a mistake.</summary>
    public bool IsPrintable
    {
        get
        {
            Reading again = Of(Printed);
            return again.Diagnostics.IsEmpty && SyntaxComparer.AreEqual(Tree, again.Tree);
        }
    }
}
