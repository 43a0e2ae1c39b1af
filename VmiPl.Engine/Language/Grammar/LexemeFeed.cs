using Irony.Parsing;

namespace VmiPl.Language.Grammar;

/// <summary>Gives Irony's parser the lexemes of its <see cref="ScriptRun"/>, in place of what Irony's scanner would find: the language's
/// paths and addresses need no scanner that tries one terminal after another.</summary>
internal sealed class LexemeFeed : TokenFilter
{
    /// <inheritdoc/>
    public override IEnumerable<Token> BeginFiltering(ParsingContext context, IEnumerable<Token> tokens)
    {
        var run = (ScriptRun)context.Parser;
        Token? last = null;
        foreach (Lexeme lexeme in run.Lexemes)
        {
            last = new Token(ScriptRun.Grammar.Of(lexeme.Kind), new SourceLocation(lexeme.Span.Start, 0, 0), "", lexeme);
            yield return last;
        }
        while (true)
            yield return last!;
    }
}
