using VmiPl.Language.Tables;

namespace VmiPl.Language.Grammar;

/// <summary>Reads a text's lexemes, without comments, and reports the characters that are wrong wherever they stand.</summary>
internal static class LexemeReader
{
    /// <summary>All lexemes; the last, and only the last, is <see cref="LexemeKind.End"/>.</summary>
    public static List<Lexeme> ReadAll(DiagnosticBag diagnostics)
    {
        string text = diagnostics.Source.Text;
        var lexemes = new List<Lexeme>(text.Length / 6 + 1);
        bool startsLine = true, followsError = false, isCutOff = false;
        for (int at = 0; ;)
        {
            int start = Lexer.SkipSpace(text, at);
            if (text.AsSpan(at, start - at).ContainsAny('\r', '\n'))
                (startsLine, followsError) = (true, false);
            if (start == text.Length)
            {
                lexemes.Add(new Lexeme(LexemeKind.End, new SourceSpan(start, 0), startsLine, followsError, isCutOff));
                return lexemes;
            }
            (LexemeKind kind, int length) = Lexer.Next(text, start);
            if (kind == LexemeKind.UnterminatedText)
                length = WithoutBrackets(text.AsSpan(start, length));
            var span = new SourceSpan(start, length);
            at = span.End;
            bool isError = Report(kind, span, diagnostics);
            isCutOff |= kind == LexemeKind.UnterminatedComment;
            LexemeKind? kept = Kept(kind);
            if (kept is not null)
                lexemes.Add(new Lexeme(kept.Value, span, startsLine, followsError));
            startsLine &= kept is null;
            followsError = isError || (followsError && kept is null);
        }
    }

    private static bool Report(LexemeKind kind, SourceSpan span, DiagnosticBag diagnostics)
    {
        switch (kind)
        {
            case LexemeKind.Unknown:
                diagnostics.Report(DiagnosticIds.UnexpectedCharacter, span, null, Quote.Of(diagnostics.Source, span));
                return true;
            case LexemeKind.UnterminatedText:
                diagnostics.Report(DiagnosticIds.UnterminatedString, span, "write `\"` where it ends; a line end within it is written `\\n`");
                return true;
            case LexemeKind.UnterminatedComment:
                diagnostics.Report(DiagnosticIds.UnterminatedComment, new SourceSpan(span.Start, 2), "write `*/` where it ends");
                return true;
            case LexemeKind.StreamWithoutName:
                diagnostics.Report(DiagnosticIds.StreamWithoutName, span, "write the name right behind it: `#demo`");
                return true;
            default:
                return false;
        }
    }

    private static LexemeKind? Kept(LexemeKind kind) => kind switch
    {
        LexemeKind.Comment or LexemeKind.UnterminatedComment or LexemeKind.Unknown => null,
        LexemeKind.UnterminatedText or LexemeKind.StreamWithoutName => LexemeKind.Missing,
        _ => kind,
    };

    /// <summary>Who forgets a quotation mark has mostly written what follows it: the brackets at the line's end are the script's.</summary>
    private static int WithoutBrackets(ReadOnlySpan<char> text) => Math.Max(1, text.TrimEnd(" \t(){}").Length);
}
