namespace VmiPl.Language.Grammar;

/// <summary>What a run of characters is, seen without its surroundings.</summary>
internal enum LexemeKind
{
    /// <summary>Letters, digits and <c>_ . $</c>: a name, a register, a guest symbol, an output file without a folder.</summary>
    Word,
    /// <summary>Decimal, or hexadecimal with 0x; of any length.</summary>
    Number,
    /// <summary>Groups of digits and letters with at least two colons, or six pairs with hyphens.</summary>
    MacAddress,
    /// <summary><c>#name</c>.</summary>
    Stream,
    /// <summary>In double quotes.</summary>
    QuotedText,
    /// <summary>A path without quotes.</summary>
    Path,
    /// <summary><c>(</c>.</summary>
    OpenParenthesis,
    /// <summary><c>)</c>.</summary>
    CloseParenthesis,
    /// <summary><c>{</c>.</summary>
    OpenBrace,
    /// <summary><c>}</c>.</summary>
    CloseBrace,
    /// <summary><c>,</c>.</summary>
    Comma,
    /// <summary><c>:</c>.</summary>
    Colon,
    /// <summary><c>+</c>.</summary>
    Plus,
    /// <summary><c>-</c>.</summary>
    Minus,
    /// <summary>Of either form.</summary>
    Comment,
    /// <summary>A comment that the text's end cuts off.</summary>
    UnterminatedComment,
    /// <summary>A quoted text that the line's end cuts off.</summary>
    UnterminatedText,
    /// <summary><c>#</c> with no name behind it.</summary>
    StreamWithoutName,
    /// <summary>Characters that the language has no use for.</summary>
    Unknown,
    /// <summary>Stands where a value should be and is not; only <see cref="TokenRepair"/> makes one.</summary>
    Missing,
    /// <summary>Behind the last character.</summary>
    End,
}
