using System.Buffers;

namespace VmiPl.Language.Grammar;

/// <summary>Cuts a text into lexemes. What a lexeme is does not depend on what stands around it; each has at least one character, so
/// every text comes to its end.</summary>
internal static class Lexer
{
    /// <summary>Characters of the longest path without quotes (PATH_MAX); it bounds how far is looked ahead.</summary>
    private const int MaxRun = 4096;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    // A slash ends a run only where it begins a comment.
    private static readonly SearchValues<char> RunEnds =
        SearchValues.Create([.. Enumerable.Range(0, char.MaxValue + 1).Select(code => (char)code).Where(IsSpace), ',', '(', ')', '{', '}', '"', '/']);

    /// <summary>Characters before the next lexeme that carry no meaning: white space and a byte order mark.</summary>
    public static int SkipSpace(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && IsSpace(text[at]))
            at++;
        return at;
    }

    /// <summary>The lexeme that begins at <paramref name="at"/>, which is no white space and not behind the text's end.</summary>
    public static (LexemeKind Kind, int Length) Next(ReadOnlySpan<char> text, int at)
    {
        ReadOnlySpan<char> rest = text[at..];
        switch (rest[0])
        {
            case '(': return (LexemeKind.OpenParenthesis, 1);
            case ')': return (LexemeKind.CloseParenthesis, 1);
            case '{': return (LexemeKind.OpenBrace, 1);
            case '}': return (LexemeKind.CloseBrace, 1);
            case ',': return (LexemeKind.Comma, 1);
            case ':': return (LexemeKind.Colon, 1);
            case '+': return (LexemeKind.Plus, 1);
            case '"': return Quoted(rest);
            case '#': return Stream(rest);
        }
        if (IsCommentStart(rest))
            return Comment(rest);
        int run = RunLength(rest);
        if (IsPath(rest[..run]))
            return (LexemeKind.Path, run);
        if (rest[0] == '-')
            return (LexemeKind.Minus, 1);
        int word = WordLength(rest);
        if (word == 0)
            return (LexemeKind.Unknown, UnknownLength(rest));
        int mac = MacLength(rest);
        if (mac > word)
            return (LexemeKind.MacAddress, mac);
        return (IsNumber(rest[..word]) ? LexemeKind.Number : LexemeKind.Word, word);
    }

    /// <summary>Whether a word is written as a number is: decimal digits, or hexadecimal ones behind 0x.</summary>
    public static bool IsNumber(ReadOnlySpan<char> word)
    {
        if (word.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return word.Length > 2 && !word[2..].ContainsAnyExcept(HexDigits);
        return word.Length > 0 && !word.ContainsAnyExceptInRange('0', '9');
    }

    /// <summary>Whether a text, written without quotes, is one lexeme of that kind.</summary>
    public static bool Is(LexemeKind kind, ReadOnlySpan<char> text) => text.Length > 0 && !IsSpace(text[0]) && Next(text, 0) == (kind, text.Length);

    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c == '\uFEFF';

    private static bool IsWordCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '$' || (c > '\x7F' && char.IsLetterOrDigit(c));

    private static int WordLength(ReadOnlySpan<char> rest)
    {
        int length = 0;
        while (length < rest.Length && IsWordCharacter(rest[length]))
            length++;
        return length;
    }

    private static bool IsCommentStart(ReadOnlySpan<char> rest) => rest.Length > 1 && rest[0] == '/' && rest[1] is '/' or '*';

    private static (LexemeKind, int) Comment(ReadOnlySpan<char> rest)
    {
        if (rest[1] == '/')
        {
            int line = rest.IndexOfAny('\r', '\n');
            return (LexemeKind.Comment, line < 0 ? rest.Length : line);
        }
        int end = rest[2..].IndexOf("*/");
        return end < 0 ? (LexemeKind.UnterminatedComment, rest.Length) : (LexemeKind.Comment, end + 4);
    }

    private static (LexemeKind, int) Quoted(ReadOnlySpan<char> rest)
    {
        for (int i = 1; i < rest.Length; i++)
        {
            if (rest[i] == '"')
                return (LexemeKind.QuotedText, i + 1);
            if (rest[i] is '\r' or '\n')
                return (LexemeKind.UnterminatedText, i);
            if (rest[i] == '\\' && i + 1 < rest.Length && rest[i + 1] is not ('\r' or '\n'))
                i++;
        }
        return (LexemeKind.UnterminatedText, rest.Length);
    }

    private static (LexemeKind, int) Stream(ReadOnlySpan<char> rest)
    {
        int length = 1;
        while (length < rest.Length && (IsWordCharacter(rest[length]) || rest[length] == '-'))
            length++;
        return (length > 1 ? LexemeKind.Stream : LexemeKind.StreamWithoutName, length);
    }

    /// <summary>Characters up to where a path without quotes would end.</summary>
    private static int RunLength(ReadOnlySpan<char> rest)
    {
        if (rest.Length > MaxRun)
            rest = rest[..MaxRun];
        for (int length = 0; ;)
        {
            int end = rest[length..].IndexOfAny(RunEnds);
            if (end < 0)
                return rest.Length;
            length += end;
            if (rest[length] != '/' || IsCommentStart(rest[length..]))
                return length;
            length++;
        }
    }

    /// <summary>A path is what has a slash, or a name with hyphens in it that is no symbol minus numbers.</summary>
    private static bool IsPath(ReadOnlySpan<char> run)
    {
        if (run.Contains('/'))
            return IsPathStart(run);
        int word = WordLength(run);
        if (word == 0 || word == run.Length || run[word] != '-' || run[^1] == '-' || IsHyphenatedMac(run))
            return false;
        foreach (char c in run)
        {
            if (!IsWordCharacter(c) && c != '-')
                return false;
        }
        foreach (Range part in run[(word + 1)..].Split('-'))
        {
            if (!IsNumber(run[(word + 1)..][part]))
                return true;
        }
        return false;
    }

    /// <summary>A colon before the first slash ends a label or a key, not a path's first part.</summary>
    private static bool IsPathStart(ReadOnlySpan<char> run) =>
        (run[0] is '/' or '~' || IsWordCharacter(run[0])) && !run[..run.IndexOf('/')].Contains(':');

    private static int MacLength(ReadOnlySpan<char> rest)
    {
        ReadOnlySpan<char> run = rest[..RunLength(rest)];
        if (IsHyphenatedMac(run))
            return run.Length;
        int length = 0, colons = 0;
        for (; length < run.Length && (char.IsAsciiLetterOrDigit(run[length]) || run[length] == ':'); length++)
            colons += run[length] == ':' ? 1 : 0;
        return colons >= 2 ? length : 0;
    }

    private static bool IsHyphenatedMac(ReadOnlySpan<char> run)
    {
        if (run.Length != 17)
            return false;
        for (int i = 0; i < run.Length; i++)
        {
            if (i % 3 == 2 ? run[i] != '-' : !char.IsAsciiHexDigit(run[i]))
                return false;
        }
        return true;
    }

    /// <summary>A run of characters of no use is one mistake; a surrogate pair is not cut in two.</summary>
    private static int UnknownLength(ReadOnlySpan<char> rest)
    {
        int length = 0;
        do
        {
            length += char.IsHighSurrogate(rest[length]) && length + 1 < rest.Length && char.IsLowSurrogate(rest[length + 1]) ? 2 : 1;
        }
        while (length < rest.Length && IsOfNoUse(rest[length]));
        return length;
    }

    private static bool IsOfNoUse(char c) =>
        !IsSpace(c) && !IsWordCharacter(c) && c is not ('(' or ')' or '{' or '}' or ',' or ':' or '+' or '-' or '"' or '#' or '/' or '~');
}
