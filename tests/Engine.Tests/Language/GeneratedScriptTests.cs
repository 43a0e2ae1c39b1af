using System.Text;
using VmiPl.Compilation;
using VmiPl.Compilation.Bytecode;
using VmiPl.Language;
using VmiPl.Language.Grammar;
using VmiPl.Language.Syntax;

namespace VmiPl.Tests.Language;

/// <summary>Scripts that nobody wrote.</summary>
public sealed class GeneratedScriptTests
{
    private const int Scripts = 10_000, Mutants = 200_000;

    private static readonly string[] Pieces =
        ["{", "}", "(", ")", ",", ":", "+", "-", "#", "\"", "//", "/*", "*/", "\r", "\n", "\t", "\\", ";", "=", "\0", "\uFEFF", "\uD800", "\U0001F600", "0x", "a:b:c"];

    [Fact]
    public void What_is_printed_is_read_as_the_same_tree()
    {
        var generator = new ScriptGenerator(3);
        for (int i = 0; i < Scripts; i++)
        {
            ScriptSyntax tree = generator.Script();
            string text = SyntaxPrinter.Print(tree);
            Reading reading = Reading.Of(text);
            Assert.True(reading.Diagnostics.IsEmpty, $"{reading.Places} in:\n{text}");
            Assert.True(SyntaxComparer.AreEqual(tree, reading.Tree), text);
            Assert.Equal(text, reading.Printed);
        }
    }

    [Fact]
    public void Mutated_scripts_are_read_or_refused() =>
        Parallel.For(0, 8, part =>
        {
            var random = new Random(100 + part);
            var generator = new ScriptGenerator(200 + part);
            for (int i = 0; i < Mutants / 8; i++)
            {
                string text = Mutate(SyntaxPrinter.Print(generator.Script()), random);
                Reading reading = Reading.Of(text);
                foreach (Diagnostic diagnostic in reading.Diagnostics)
                {
                    Assert.InRange(diagnostic.Span.Start, 0, text.Length);
                    Assert.InRange(diagnostic.Span.Length, 0, text.Length - diagnostic.Span.Start);
                    Assert.False(diagnostic.Message.Contains("What stands behind", StringComparison.Ordinal), $"Not repaired:\n{text}");
                }
                Assert.True(reading.IsPrintable || !reading.Diagnostics.IsEmpty, $"Read as something else:\n{text}");
                CheckSpans(reading.Tree.Entries, text);
                CheckMeaning(text);
            }
        });

    /// <summary>Through the checker and the compiler: every refusal has a diagnostic within the text, and whatever is accepted gives programs that verify.</summary>
    private static void CheckMeaning(string text)
    {
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(text)));
        foreach (Diagnostic diagnostic in script.Diagnostics)
        {
            Assert.InRange(diagnostic.Span.Start, 0, text.Length);
            Assert.InRange(diagnostic.Span.Length, 0, text.Length - diagnostic.Span.Start);
        }
        if (script.HasErrors)
            return;
        Assert.Equal(script.Script.EventProbes.Length, script.Probes.Length);
        foreach (CompiledBody body in script.Probes.SelectMany(probe => probe.Bodies))
            Assert.Null(Verifier.FindProblem(body.Program));
    }

    private static void CheckSpans(IEnumerable<EntrySyntax> entries, string text)
    {
        foreach (EntrySyntax entry in entries)
        {
            IEnumerable<SyntaxNode> nodes = entry switch
            {
                InvocationSyntax invocation => [entry, invocation.Name, .. invocation.Arguments ?? []],
                SettingSyntax setting => [entry, setting.Key, setting.Value],
                _ => [],
            };
            foreach (SyntaxNode node in nodes)
            {
                Assert.InRange(node.Span.Start, 0, text.Length);
                Assert.InRange(node.Span.Length, 0, text.Length - node.Span.Start);
            }
            if (entry is InvocationSyntax { Body: { } body })
                CheckSpans(body, text);
        }
    }

    private static string Mutate(string script, Random random)
    {
        var text = new StringBuilder(script);
        for (int changes = random.Next(1, 5); changes > 0; changes--)
        {
            if (random.Next(2) == 0)
                MutateCharacters(text, random);
            else
                MutateLexemes(text, random);
        }
        return text.ToString();
    }

    private static void MutateCharacters(StringBuilder text, Random random)
    {
        int at = random.Next(text.Length + 1);
        if (at < text.Length && random.Next(3) == 0)
            text.Remove(at, Math.Min(random.Next(1, 4), text.Length - at));
        else if (random.Next(2) == 0)
            text.Insert(at, Pieces[random.Next(Pieces.Length)]);
        else
            text.Insert(at, (char)random.Next(char.MaxValue + 1));
    }

    private static void MutateLexemes(StringBuilder text, Random random)
    {
        string whole = text.ToString();
        List<Lexeme> lexemes = LexemeReader.ReadAll(new DiagnosticBag(new SourceText(whole)));
        SourceSpan one = lexemes[random.Next(lexemes.Count)].Span, other = lexemes[random.Next(lexemes.Count)].Span;
        switch (random.Next(3))
        {
            case 0:
                text.Remove(one.Start, one.Length);
                break;
            case 1:
                text.Insert(one.Start, " ").Insert(one.Start, whole.AsSpan(one.Start, one.Length));
                break;
            default:
                (SourceSpan first, SourceSpan last) = one.Start < other.Start ? (one, other) : (other, one);
                if (first.End > last.Start)
                    break;
                text.Clear().Append(whole, 0, first.Start).Append(whole, last.Start, last.Length).Append(whole, first.End, last.Start - first.End)
                    .Append(whole, first.Start, first.Length).Append(whole, last.End, whole.Length - last.End);
                break;
        }
    }
}
