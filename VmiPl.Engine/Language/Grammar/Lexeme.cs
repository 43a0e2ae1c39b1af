namespace VmiPl.Language.Grammar;

/// <summary>One piece of a text. <paramref name="StartsLine"/>: it is its line's first; <paramref name="FollowsError"/>: right before it
/// on its line stood something that is already reported; <paramref name="IsDamaged"/>: it is the name of an invocation whose head was
/// repaired, or a text's end of which a comment took the rest.</summary>
internal readonly record struct Lexeme(LexemeKind Kind, SourceSpan Span, bool StartsLine = false, bool FollowsError = false, bool IsDamaged = false)
{
    /// <summary>Whether an argument can begin with it.</summary>
    public bool IsArgument => Kind is LexemeKind.Word or LexemeKind.Minus || IsValue;

    /// <summary>Whether it is a value and cannot be a name.</summary>
    public bool IsValue => Kind is LexemeKind.Number or LexemeKind.Stream or LexemeKind.QuotedText or LexemeKind.Path or LexemeKind.MacAddress
        or LexemeKind.Missing;
}
