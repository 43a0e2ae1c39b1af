using VmiPl.Language.Tables;

namespace VmiPl.Language.Grammar;

/// <summary>Makes a script that the grammar accepts of one with mistakes: reports each mistake, then puts in what is missing and leaves out
/// what is too much. A script without mistakes passes as it is. Works without recursion; each lexeme is looked at a bounded number of
/// times.</summary>
internal sealed partial class TokenRepair
{
    private const int MaxLookahead = 16;

    private readonly List<Lexeme> _input;
    private readonly List<Lexeme> _output;
    private readonly DiagnosticBag _diagnostics;
    private int _at;
    private int _head = -1;

    private TokenRepair(DiagnosticBag diagnostics)
    {
        _diagnostics = diagnostics;
        _input = LexemeReader.ReadAll(diagnostics);
        _output = new List<Lexeme>(_input.Count);
        foreach (Lexeme lexeme in _input)
            _excess += lexeme.Kind switch { LexemeKind.OpenBrace => 1, LexemeKind.CloseBrace => -1, _ => 0 };
        _blocks.Push(new OpenBlock(default, default, 0, false));
    }

    private Lexeme Current => _input[_at];

    private Lexeme Next => _input[Math.Min(_at + 1, _input.Count - 1)];

    /// <summary>The lexemes of a script, repaired.</summary>
    public static List<Lexeme> Repair(DiagnosticBag diagnostics)
    {
        var repair = new TokenRepair(diagnostics);
        while (repair.Current.Kind != LexemeKind.End)
            repair.ReadEntry();
        repair.CloseBlocks();
        repair.Take();
        return repair.WithMissingBraces();
    }

    private void ReadEntry()
    {
        _head = -1;
        CloseByColumn();
        Lexeme first = Current;
        switch (first.Kind)
        {
            case LexemeKind.CloseBrace:
                ReadCloseBrace();
                return;
            case LexemeKind.OpenBrace:
                ReadOpenBrace();
                return;
            case LexemeKind.Word or LexemeKind.Number when Next.Kind == LexemeKind.Colon:
                Take();
                Take();
                ReadLabelled(first);
                return;
            case LexemeKind.Word:
                ReadInvocation(first);
                return;
            default:
                DropRest();
                return;
        }
    }

    /// <summary>Behind a label or key.</summary>
    private void ReadLabelled(Lexeme label)
    {
        if (Current.Kind is LexemeKind.Word or LexemeKind.Number && Next.Kind == LexemeKind.Colon)
        {
            PutMissingValue();
        }
        else if (Current.Kind == LexemeKind.Word)
        {
            if (Next.Kind is LexemeKind.Plus or LexemeKind.Minus || (_blocks.Peek().IsConfiguration && !OpensSomething(Next)))
                ReadSum();
            else
                ReadInvocation(label);
        }
        else if (Current.IsArgument)
        {
            bool isDash = Current.Kind == LexemeKind.Minus && Next.Kind != LexemeKind.Number;
            ReadSum();
            if (isDash)
                PutMissingValue();
        }
        else
        {
            PutMissingValue();
        }
    }

    private void ReadInvocation(Lexeme first)
    {
        Lexeme name = Current;
        _head = _output.Count;
        Take();
        if (Current.Kind == LexemeKind.OpenParenthesis)
        {
            Take();
            ReadArguments(name, isOpened: true);
        }
        else if (_blocks.Peek().IsConfiguration && IsKeyWithoutColon())
        {
            Report(DiagnosticIds.MissingColon, Current, null, TextOf(name));
            Put(LexemeKind.Colon);
            ReadSum();
            return;
        }
        else if (LooksLikeArguments())
        {
            Report(DiagnosticIds.MissingOpeningParenthesis, Current, $"write `{TextOf(name)}(…)`", TextOf(name));
            Put(LexemeKind.OpenParenthesis);
            ReadArguments(name, isOpened: false);
        }
        _blocks.Peek().Add(new OpenBlock.Head(name, _output.Count, first.StartsLine ? ColumnOf(first) : 0, false));
        if (Current.Kind == LexemeKind.OpenBrace)
            OpenBody(name, first);
    }

    private static bool OpensSomething(Lexeme lexeme) => lexeme.Kind is LexemeKind.OpenParenthesis or LexemeKind.OpenBrace;

    private bool IsKeyWithoutColon() =>
        !Current.StartsLine && (Current.IsValue || (Current.Kind is LexemeKind.Word or LexemeKind.Minus)) && Next.Kind != LexemeKind.Colon
        && !OpensSomething(Next) && !(Current.Kind == LexemeKind.Minus && Next.Kind != LexemeKind.Number);

    /// <summary>Whether what follows a name on its line can only be arguments: several names on a line may be as many entries.</summary>
    private bool LooksLikeArguments()
    {
        for (int i = _at; i < _at + MaxLookahead && i < _input.Count; i++)
        {
            Lexeme lexeme = _input[i];
            if (lexeme.StartsLine)
                return false;
            switch (lexeme.Kind)
            {
                case LexemeKind.Word:
                    continue;
                case LexemeKind.Comma or LexemeKind.CloseParenthesis:
                    return i > _at;
                case LexemeKind.Number when _input[i + 1].Kind == LexemeKind.Colon:
                    return false;
                default:
                    return lexeme.IsArgument || lexeme.Kind == LexemeKind.Plus;
            }
        }
        return false;
    }

    /// <summary>Drops what begins no entry, up to where one may begin.</summary>
    private void DropRest()
    {
        Report(DiagnosticIds.UnexpectedText, Current, null, Shown(Current));
        int depth = 0;
        do
        {
            depth += Current.Kind switch { LexemeKind.OpenParenthesis => 1, LexemeKind.CloseParenthesis => -1, _ => 0 };
            Drop();
        }
        while (Current.Kind is not (LexemeKind.End or LexemeKind.OpenBrace or LexemeKind.CloseBrace)
            && (depth > 0 || (!Current.StartsLine && !(Current.Kind == LexemeKind.Word && OpensSomething(Next)))));
    }

    private void Take()
    {
        if (Current.FollowsError && _head >= 0 && _head < _output.Count)
            MarkDamaged();
        _output.Add(Current);
        if (_at + 1 < _input.Count)
            _at++;
    }

    /// <summary>Leaves the current lexeme out. What follows on its line is excused.</summary>
    private void Drop()
    {
        _at++;
        if (!Current.StartsLine)
            _input[_at] = Current with { FollowsError = true };
    }

    /// <summary>Puts in what the text does not have, behind what was taken last.</summary>
    private void Put(LexemeKind kind) => _output.Add(new Lexeme(kind, new SourceSpan(_output.Count == 0 ? 0 : _output[^1].Span.End, 0)));

    private void PutMissingValue()
    {
        Report(DiagnosticIds.MissingValue, Current, null, Shown(Current));
        Put(LexemeKind.Missing);
    }

    private void Report(DiagnosticDescriptor descriptor, Lexeme at, string? hint, params ReadOnlySpan<object?> arguments)
    {
        if (!Current.FollowsError)
            _diagnostics.Report(descriptor, at.Span, hint, arguments);
        MarkDamaged();
    }

    private void MarkDamaged()
    {
        if (_head >= 0)
            _output[_head] = _output[_head] with { IsDamaged = true };
    }

    private string TextOf(Lexeme lexeme) => Quote.Short(_diagnostics.Source, lexeme.Span);

    private string Shown(Lexeme lexeme) => Quote.Of(_diagnostics.Source, lexeme.Span);

    private int ColumnOf(Lexeme lexeme) => _excess == 0 ? 0 : _diagnostics.Source.PositionOf(lexeme.Span.Start).Column;
}
