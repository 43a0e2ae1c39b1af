using VmiPl.Language;
using VmiPl.Language.Checking;
using VmiPl.Language.Model;

namespace VmiPl.Tests.Language;

/// <summary>Long scripts whose reading must not take time that grows with the square of their length; a test that takes minutes says that it
/// does.</summary>
public sealed class LongScriptTests
{
    [Fact]
    public void Every_one_of_many_labels_is_found()
    {
        const int Count = 20_000;
        string text = string.Concat(Enumerable.Range(0, Count).Select(i => $"l{i}: CRWrite(3){{Reconfigure(l{(i + 1) % Count})}}\n"));

        VmiScript script = Read(text);

        Assert.Empty(script.Diagnostics);
        Assert.All(script.EventProbes, probe =>
            Assert.Equal((probe.Id + 1) % Count, Assert.IsType<ReconfigureStatement>(Assert.Single(probe.Body)).Probe.Id));
    }

    [Theory]
    [InlineData("11-")]
    [InlineData("1-")]
    [InlineData("a-1")]
    [InlineData("a:/")]
    [InlineData("é-")]
    public void Long_runs_without_white_space_are_refused(string piece)
    {
        string text = string.Concat(Enumerable.Repeat(piece, (1 << 18) / piece.Length));

        VmiScript script = Read(text);

        Assert.True(script.HasErrors);
        Assert.All(script.Diagnostics, diagnostic => Assert.InRange(diagnostic.Span.End, diagnostic.Span.Start, text.Length));
    }

    private static VmiScript Read(string text)
    {
        var diagnostics = new DiagnosticBag(new SourceText(text));
        return ScriptChecker.Check(diagnostics.Source, ScriptParser.Parse(diagnostics.Source, diagnostics), diagnostics);
    }
}
