using Irony.Parsing;
using VmiPl.Language.Grammar;
using VmiPl.Language.Syntax;

namespace VmiPl.Tests.Language;

public sealed class ScriptParserTests
{
    private const string Publication = """
        Configuration{
            ProcessListHead: 0xc17cdfe0
            TasksOffset: 440
            PIDOffset: 520
            ProcessNameOffset: 744
            MMStructOffset: 468
            ExeFileOffset: 444
            DEntryOffset: 12
            ParentOffset: 16
            DNameOffset: 28
            PGDOffset: 40
        }
        CRWrite(3){
            ReadRegister(CR3, #demo)
        }
        ExecuteAt(0xc104f060){
            ProcessList(PID, NAME, PATH, PGDP, #demo)
            ReadRegister(CR3, #demo)
        }
        CaptureNetwork(00:16:35:AF:94:4B, #demo)

        """;

    [Fact]
    public void The_grammar_has_no_conflict() => Assert.Empty(ScriptRun.Tables.Errors.Where(error => error.Level > GrammarErrorLevel.Info).Select(error => error.Message));

    [Fact]
    public void The_publications_example_is_its_own_canonical_form() => Assert.Equal(Publication.ReplaceLineEndings("\n"), Reading.Canonical(Publication));

    [Theory]
    [InlineData("440", typeof(NumberSyntax), "440")]
    [InlineData("0xC17cdfe0", typeof(NumberSyntax), "0xC17cdfe0")]
    [InlineData("99999999999999999999999", typeof(NumberSyntax), "99999999999999999999999")]
    [InlineData("-8", typeof(NumberSyntax), "-8")]
    [InlineData("- 0x10", typeof(NumberSyntax), "-0x10")]
    [InlineData("EAX", typeof(WordSyntax), "EAX")]
    [InlineData("__x64_sys_openat", typeof(WordSyntax), "__x64_sys_openat")]
    [InlineData("do_exit.part.0", typeof(WordSyntax), "do_exit.part.0")]
    [InlineData("$x.text", typeof(WordSyntax), "$x.text")]
    [InlineData("out.txt", typeof(WordSyntax), "out.txt")]
    [InlineData("do_exit+0x10", typeof(SumSyntax), "do_exit + 0x10")]
    [InlineData("do_exit + 16 -1", typeof(SumSyntax), "do_exit + 16 - 1")]
    [InlineData("do_exit-0x10", typeof(SumSyntax), "do_exit - 0x10")]
    [InlineData("0x1000+8", typeof(SumSyntax), "0x1000 + 8")]
    [InlineData("-1+8", typeof(SumSyntax), "-1 + 8")]
    [InlineData("-", typeof(DashSyntax), "-")]
    [InlineData("#demo", typeof(StreamSyntax), "#demo")]
    [InlineData("#a-b.c", typeof(StreamSyntax), "#a-b.c")]
    [InlineData("\"\"", typeof(TextSyntax), "\"\"")]
    [InlineData("\"a, (b) {c} // \\\"d\\\" \\\\ \\n \\t \u00e4 \U0001F600\"", typeof(TextSyntax), "\"a, (b) {c} // \\\"d\\\" \\\\ \\n \\t \u00e4 \U0001F600\"")]
    [InlineData("\"a\tb\"", typeof(TextSyntax), "\"a\\tb\"")]
    [InlineData("/tmp/x.log", typeof(PathSyntax), "/tmp/x.log")]
    [InlineData("/tmp/a:b+c=d#e.log", typeof(PathSyntax), "/tmp/a:b+c=d#e.log")]
    [InlineData("./a/b.txt", typeof(PathSyntax), "./a/b.txt")]
    [InlineData("../b", typeof(PathSyntax), "../b")]
    [InlineData("~/x", typeof(PathSyntax), "~/x")]
    [InlineData("a/b", typeof(PathSyntax), "a/b")]
    [InlineData("/tmp/x// to here", typeof(PathSyntax), "/tmp/x")]
    [InlineData("/tmp/x/* to here */", typeof(PathSyntax), "/tmp/x")]
    [InlineData("my-file.log", typeof(PathSyntax), "my-file.log")]
    [InlineData("a-b-1", typeof(PathSyntax), "a-b-1")]
    [InlineData("00:16:35:AF:94:4B", typeof(MacSyntax), "00:16:35:AF:94:4B")]
    [InlineData("00-16-35-AF-94-4B", typeof(MacSyntax), "00-16-35-AF-94-4B")]
    [InlineData("fe:16:35", typeof(MacSyntax), "fe:16:35")]
    [InlineData("001:16:35:AF:94:4BC", typeof(MacSyntax), "001:16:35:AF:94:4BC")]
    [InlineData("0x", typeof(WordSyntax), "0x")]
    [InlineData("12ab", typeof(WordSyntax), "12ab")]
    public void Every_form_of_argument(string text, Type type, string printed)
    {
        foreach (string script in new[] { $"X({text}\n)", $"X(a, {text}\n, b)", $"Configuration{{ key: {text}\n}}" })
        {
            Reading reading = Reading.Of(script);
            if (text == "-" && script.StartsWith("Conf", StringComparison.Ordinal))
            {
                Assert.Equal("1:23 1021", Reading.Of("Configuration{ key: - }").Places);
                continue;
            }
            Assert.Equal("", reading.Places);
            ArgumentSyntax argument = reading.Tree.Entries[0] is InvocationSyntax { Body: { } body }
                ? ((SettingSyntax)body[0]).Value
                : ((InvocationSyntax)reading.Tree.Entries[0]).Arguments!.Value[script.StartsWith("X(a, ", StringComparison.Ordinal) ? 1 : 0];
            Assert.IsType(type, argument);
            Assert.Equal(printed, SyntaxPrinter.Print(argument));
            Assert.Equal(script.IndexOf(text + '\n', StringComparison.Ordinal), argument.Span.Start);
            Assert.True(reading.IsPrintable);
        }
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("Pause", "Pause\n")]
    [InlineData("Pause()", "Pause()\n")]
    [InlineData("MSRWrite{}", "MSRWrite{}\n")]
    [InlineData("MSRWrite(){Pause}", "MSRWrite(){\n    Pause\n}\n")]
    [InlineData("exits:ExecuteAt(do_exit){Pause Pause}", "exits: ExecuteAt(do_exit){\n    Pause\n    Pause\n}\n")]
    [InlineData("7: Pause", "7: Pause\n")]
    [InlineData("a: Pause b: Pause", "a: Pause\nb: Pause\n")]
    [InlineData("configuration{a: b c: 1 d: /x e: x+1}", "configuration{\n    a: b\n    c: 1\n    d: /x\n    e: x + 1\n}\n")]
    [InlineData("Reconfigure(0){} Reconfigure(exits)", "Reconfigure(0){}\nReconfigure(exits)\n")]
    [InlineData("ReadMemory(0x1000 16, #t)", "ReadMemory(0x1000, 16, #t)\n")]
    [InlineData("readmemory(x+1 16)", "readmemory(x + 1, 16)\n")]
    [InlineData("ReadMemory(0x1000, 16, #t)", "ReadMemory(0x1000, 16, #t)\n")]
    public void Scripts_without_mistakes(string text, string printed) => Assert.Equal(printed, Reading.Canonical(text));

    [Fact]
    public void A_label_with_a_bare_word_is_a_setting_in_a_configuration_only()
    {
        Assert.IsType<SettingSyntax>(((InvocationSyntax)Reading.Of("Configuration{ a: b }").Tree.Entries[0]).Body!.Value[0]);
        Assert.IsType<InvocationSyntax>(((InvocationSyntax)Reading.Of("CRWrite{ a: b }").Tree.Entries[0]).Body!.Value[0]);
        Assert.IsType<InvocationSyntax>(Reading.Of("a: b").Tree.Entries[0]);
        Assert.IsType<SettingSyntax>(Reading.Of("a: 1").Tree.Entries[0]);
    }

    [Fact]
    public void Spans_say_where_a_node_stands()
    {
        const string text = "  exits: ExecuteAt( do_exit + 1 ) { Pause }  ";
        var invocation = (InvocationSyntax)Assert.Single(Reading.Of(text).Tree.Entries);
        Assert.Equal("exits", At(invocation.Label!));
        Assert.Equal("ExecuteAt", At(invocation.Name));
        Assert.Equal("do_exit + 1", At(invocation.Arguments!.Value[0]));
        Assert.Equal("exits: ExecuteAt( do_exit + 1 )", text.Substring(invocation.Head.Start, invocation.Head.Length));
        Assert.Equal(text.Trim(), At(invocation));

        string At(SyntaxNode node) => text.Substring(node.Span.Start, node.Span.Length);
    }

    [Fact]
    public void White_space_and_comments_do_not_matter()
    {
        string[] variants =
        [
            Publication.ReplaceLineEndings("\r\n"),
            Publication.ReplaceLineEndings("\r"),
            Publication.Replace("    ", "\t", StringComparison.Ordinal),
            '\uFEFF' + Publication,
            Publication.TrimEnd(),
            Publication.ReplaceLineEndings(" "),
            Publication.Replace(" ", "", StringComparison.Ordinal),
            Publication.ReplaceLineEndings(" // a ) comment {\n"),
            EverywhereComments(),
        ];
        foreach (string variant in variants)
            Assert.Equal(Publication.ReplaceLineEndings("\n"), Reading.Canonical(variant));
    }

    private static string EverywhereComments()
    {
        var text = new System.Text.StringBuilder("/**/");
        int at = 0;
        foreach (Lexeme lexeme in LexemeReader.ReadAll(new VmiPl.Language.DiagnosticBag(new VmiPl.Language.SourceText(Publication))))
        {
            text.Append(Publication, at, lexeme.Span.End - at).Append("/* \" } */");
            at = lexeme.Span.End;
        }
        return text.ToString();
    }

    [Fact]
    public void Nesting_has_a_bound()
    {
        Assert.Empty(Reading.Of(Nested(64)).Diagnostics);
        Assert.Equal("1:130 1030", Reading.Of(Nested(65)).Places);
        Assert.Equal("1:130 1030", Reading.Of(Nested(100_000)).Places);
        Assert.Equal("1:130 1030", string.Join(", ", Reading.Of(Nested(100_000).TrimEnd('}')).Places.Split(", ").TakeLast(1)));
        Assert.NotEmpty(Reading.Of(new string('{', 100_000)).Diagnostics);
        Assert.NotEmpty(Reading.Of(new string('}', 100_000)).Diagnostics);
        Assert.NotEmpty(Reading.Of(new string('(', 100_000)).Diagnostics);
        Assert.NotEmpty(Reading.Of("x" + new string('(', 100_000)).Diagnostics);

        static string Nested(int depth) => string.Concat(Enumerable.Repeat("x{", depth)) + new string('}', depth);
    }
}
