using Irony.Parsing;
using IronyGrammar = Irony.Parsing.Grammar;

namespace VmiPl.Language.Grammar;

/// <summary>The language's shape. Names of probes and filters are words like all others: which of them there are, and where each may
/// stand, is checked later, so that a misspelled one costs no more than one good message.
/// <code>
/// script     = { entry }
/// entry      = invocation | label invocation | label value | label sum
/// label      = (word | number) ":"
/// invocation = word [ "(" [ argument { "," argument } ] ")" ] [ "{" { entry } "}" ]
/// argument   = word | value | sum | "-"
/// sum        = (word | signed) term { term }
/// term       = ("+" | "-") number
/// signed     = [ "-" ] number
/// value      = signed | stream | text | path | MAC address
/// </code>
/// The comma behind the first argument of <c>ReadMemory</c> may be left out; <see cref="TokenRepair"/> puts it there.</summary>
internal sealed class ScriptGrammar : IronyGrammar
{
    private readonly Terminal[] _terminals;

    public ScriptGrammar()
        : base(caseSensitive: true)
    {
        _terminals = [.. Enum.GetValues<LexemeKind>().Select(kind => new Terminal(kind.ToString(), TokenCategory.Content, TermFlags.IsNonScanner))];

        Signed.Rule = Of(LexemeKind.Number) | Of(LexemeKind.Minus) + Amount;
        Amount.Rule = Of(LexemeKind.Number) | Of(LexemeKind.Missing);
        Term.Rule = Of(LexemeKind.Plus) + Amount | Of(LexemeKind.Minus) + Amount;
        Terms.Rule = MakePlusRule(Terms, Term);
        Sum.Rule = Of(LexemeKind.Word) + Terms | Signed + Terms;
        Value.Rule = Signed | Of(LexemeKind.Stream) | Of(LexemeKind.QuotedText) | Of(LexemeKind.Path) | Of(LexemeKind.MacAddress)
            | Of(LexemeKind.Missing);
        Argument.Rule = Of(LexemeKind.Word) | Value | Sum | Of(LexemeKind.Minus);
        Arguments.Rule = MakeStarRule(Arguments, Of(LexemeKind.Comma), Argument);
        Parenthesized.Rule = Of(LexemeKind.OpenParenthesis) + Arguments + Of(LexemeKind.CloseParenthesis);
        Block.Rule = Of(LexemeKind.OpenBrace) + Entries + Of(LexemeKind.CloseBrace);
        Invocation.Rule = Of(LexemeKind.Word) | Of(LexemeKind.Word) + Parenthesized | Of(LexemeKind.Word) + Block
            | Of(LexemeKind.Word) + Parenthesized + Block;
        Label.Rule = Of(LexemeKind.Word) + Of(LexemeKind.Colon) | Of(LexemeKind.Number) + Of(LexemeKind.Colon);
        Entry.Rule = Invocation | Label + Invocation | Label + Value | Label + Sum;
        Entries.Rule = MakeStarRule(Entries, Entry);
        Root = Entries;
        MarkTransient(Amount, Value, Argument);
    }

    public NonTerminal Entries { get; } = new("entries");
    public NonTerminal Entry { get; } = new("entry");
    public NonTerminal Label { get; } = new("label");
    public NonTerminal Invocation { get; } = new("invocation");
    public NonTerminal Parenthesized { get; } = new("parenthesized");
    public NonTerminal Arguments { get; } = new("arguments");
    public NonTerminal Argument { get; } = new("argument");
    public NonTerminal Sum { get; } = new("sum");
    public NonTerminal Terms { get; } = new("terms");
    public NonTerminal Term { get; } = new("term");
    public NonTerminal Amount { get; } = new("amount");
    public NonTerminal Signed { get; } = new("signed");
    public NonTerminal Value { get; } = new("value");
    public NonTerminal Block { get; } = new("block");

    /// <summary>The terminal of a kind of lexeme.</summary>
    public Terminal Of(LexemeKind kind) => kind == LexemeKind.End ? Eof : _terminals[(int)kind];

    /// <inheritdoc/>
    public override void CreateTokenFilters(LanguageData language, TokenFilterList filters) => filters.Add(new LexemeFeed());
}
