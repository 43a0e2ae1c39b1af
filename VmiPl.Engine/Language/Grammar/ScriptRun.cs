using Irony.Parsing;

namespace VmiPl.Language.Grammar;

/// <summary>Irony's parser on its way through one script. Making one is cheap; the tables that cost time are made once and shared, as
/// they do not change.</summary>
internal sealed class ScriptRun(IReadOnlyList<Lexeme> lexemes) : Parser(Tables)
{
    public static ScriptGrammar Grammar { get; } = new();

    public static LanguageData Tables { get; } = new(Grammar);

    /// <summary>What is parsed; the last is <see cref="LexemeKind.End"/>.</summary>
    public IReadOnlyList<Lexeme> Lexemes => lexemes;

    /// <summary>The tree, or null and where the first lexeme stands that does not fit.</summary>
    public ParseTreeNode? Run(out int errorPosition)
    {
        ParseTree tree = Parse("");
        errorPosition = tree.ParserMessages.Count == 0 ? 0 : tree.ParserMessages[0].Location.Position;
        return tree.Status == ParseTreeStatus.Error ? null : tree.Root;
    }
}
