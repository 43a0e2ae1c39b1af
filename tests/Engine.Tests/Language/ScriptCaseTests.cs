using System.Text;
using VmiPl.Language;
using VmiPl.Language.Grammar;
using VmiPl.Language.Model;
using VmiPl.Language.Tables;

namespace VmiPl.Tests.Language;

public sealed class ScriptCaseTests
{
    /// <summary>Only a file can have these; <see cref="ScriptFileTests"/> yields them.</summary>
    private static readonly DiagnosticDescriptor[] OfFiles =
    [
        DiagnosticIds.FileNotFound, DiagnosticIds.FileNotAllowed, DiagnosticIds.FileIsDirectory, DiagnosticIds.ScriptTooLarge, DiagnosticIds.FileNotUtf8,
        DiagnosticIds.FileUnreadable,
    ];

    /// <summary>These take more text than a case should have; <see cref="ScriptReaderTests"/> and the parser's tests yield them.</summary>
    private static readonly DiagnosticDescriptor[] OfBounds = [DiagnosticIds.TooDeep, DiagnosticIds.TooManyDiagnostics];

    public static TheoryData<string> Names => [.. ScriptCase.All.Select(found => found.Text.ToString())];

    [Theory]
    [MemberData(nameof(Names))]
    public void Script_yields_what_its_case_says(string name)
    {
        ScriptCase found = ScriptCase.Named(name);
        VmiScript script = ScriptReader.Read(new SourceText(found.Script));
        Assert.Equal(Lines(found.Diagnostics), Lines(script.Diagnostics.Select(diagnostic => $"{diagnostic.Line}:{diagnostic.Column} {diagnostic.Id}")));
        Assert.All(script.Diagnostics, diagnostic => Assert.InRange(diagnostic.Span.End, diagnostic.Span.Start, found.Script.Length));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Line_ends_and_indents_mean_nothing(string name)
    {
        ScriptCase found = ScriptCase.Named(name);
        string text = "\uFEFF" + found.Script.TrimEnd('\n').Replace("    ", "\t", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal);
        VmiScript script = ScriptReader.Read(new SourceText(text));
        Assert.Equal(
            found.Diagnostics.Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..]).Order(), script.Diagnostics.Select(diagnostic => diagnostic.Id).Order());
    }

    /// <summary>The cases whose text has no mistake of syntax.</summary>
    public static TheoryData<string> Readable =>
        [.. ScriptCase.All.Where(found => !found.Diagnostics.Any(line => line.Contains("VMI1", StringComparison.Ordinal))).Select(found => found.Text.ToString())];

    [Theory]
    [MemberData(nameof(Readable))]
    public void Printed_and_read_again_it_is_the_same(string name) => Assert.True(Reading.Of(ScriptCase.Named(name).Script).IsPrintable);

    [Theory]
    [MemberData(nameof(Readable))]
    public void Comments_anywhere_mean_nothing(string name)
    {
        string script = ScriptCase.Named(name).Script;
        var text = new StringBuilder();
        foreach (Lexeme lexeme in LexemeReader.ReadAll(new DiagnosticBag(new SourceText(script))))
            text.Append("/* { \" */").Append("// )\n").Append(script, lexeme.Span.Start, lexeme.Span.Length).Append(' ');
        Assert.Equal(Reading.Of(script).Printed, Reading.Of(text.Append("// the end").ToString()).Printed);
    }

    [Fact]
    public void Every_diagnostic_has_a_case()
    {
        HashSet<string> yielded = [.. ScriptCase.All.SelectMany(found => found.Diagnostics).Select(line => line.Split(' ')[1])];
        Assert.Empty(DiagnosticIds.All.Except(OfFiles).Except(OfBounds).Select(descriptor => descriptor.Id).Except(yielded));
    }

    [Fact]
    public void Every_construct_has_a_case_that_accepts_and_one_that_rejects()
    {
        foreach (Construct construct in ConstructTable.All)
        {
            Assert.Contains(ScriptCase.All, found => found.Text.Has("valid") && found.Script.Contains(construct.Name, StringComparison.Ordinal));
            Assert.Contains(ScriptCase.All, found => found.Diagnostics.Count > 0 && found.Script.Contains(construct.Name, StringComparison.Ordinal));
        }
    }

    private static string Lines(IEnumerable<string> lines) => new StringBuilder().AppendJoin('\n', lines).ToString();
}
