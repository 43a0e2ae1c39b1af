using VmiPl.Language.Tables;

namespace VmiPl.Language.Grammar;

/// <content>Between the parentheses.</content>
internal sealed partial class TokenRepair
{
    /// <summary>From behind the opening parenthesis to behind the closing one. <paramref name="isOpened"/> says that there is an opening one,
    /// else the line's end closes.</summary>
    private void ReadArguments(Lexeme name, bool isOpened)
    {
        Lexeme open = _output[^1];
        int count = 0, dropped = 0;
        bool isComplete = false;
        while (true)
        {
            if (Current.Kind == LexemeKind.CloseParenthesis && dropped > 0)
            {
                dropped--;
                Drop();
            }
            else if (Current.Kind == LexemeKind.CloseParenthesis)
            {
                if (!isComplete && count > 0)
                    PutMissingValue();
                Take();
                return;
            }
            else if (EndsArguments(isComplete, isOpened))
            {
                if (!isComplete && count > 0)
                    Put(LexemeKind.Missing);
                if (isOpened)
                    Report(DiagnosticIds.MissingClosingParenthesis, open, null, TextOf(name));
                Put(LexemeKind.CloseParenthesis);
                return;
            }
            else if (Current.Kind == LexemeKind.Comma)
            {
                if (!isComplete)
                    PutMissingValue();
                Take();
                count++;
                isComplete = false;
            }
            else if (Current.IsArgument)
            {
                if (isComplete)
                    PutComma(isSilent: count == 0 && IsReadMemory(name), ref count);
                ReadSum();
                isComplete = true;
            }
            else
            {
                Report(DiagnosticIds.UnexpectedText, Current, null, Shown(Current));
                dropped += Current.Kind == LexemeKind.OpenParenthesis ? 1 : 0;
                Drop();
            }
        }
    }

    private void PutComma(bool isSilent, ref int count)
    {
        if (!isSilent)
            Report(DiagnosticIds.MissingComma, Current, null, Shown(Current));
        Put(LexemeKind.Comma);
        count++;
    }

    /// <summary>The publication writes <c>ReadMemory(address size, output)</c>.</summary>
    private bool IsReadMemory(Lexeme name) => Text(name).Equals("ReadMemory", StringComparison.OrdinalIgnoreCase);

    private ReadOnlySpan<char> Text(Lexeme lexeme) => _diagnostics.Source.Text.AsSpan(lexeme.Span.Start, lexeme.Span.Length);

    /// <summary>Whether the arguments have come to an end although nothing closes them.</summary>
    private bool EndsArguments(bool isComplete, bool isOpened)
    {
        if (Current.Kind is LexemeKind.End or LexemeKind.OpenBrace or LexemeKind.CloseBrace)
            return true;
        if (!Current.StartsLine || Current.Kind is not (LexemeKind.Word or LexemeKind.Number))
            return !isOpened && Current.StartsLine;
        if (!isOpened || Next.Kind == LexemeKind.Colon)
            return true;
        if (Current.Kind == LexemeKind.Number)
            return false;
        return OpensSomething(Next) || (isComplete && (Next.StartsLine || Next.Kind == LexemeKind.CloseBrace) && !LeadsToArguments());
    }

    /// <summary>Whether names, each on its line, go on as arguments do.</summary>
    private bool LeadsToArguments()
    {
        for (int i = _at; i < _at + MaxLookahead && i < _input.Count; i++)
        {
            if (_input[i].Kind != LexemeKind.Word)
                return _input[i].Kind is LexemeKind.Comma or LexemeKind.CloseParenthesis;
        }
        return false;
    }

    /// <summary>One argument or value, with what is added to it.</summary>
    private void ReadSum()
    {
        LexemeKind first = Current.Kind;
        if (first == LexemeKind.Minus && Next.Kind != LexemeKind.Number)
        {
            Take();
            return;
        }
        if (first == LexemeKind.Minus)
            Take();
        Take();
        if (first is not (LexemeKind.Word or LexemeKind.Number or LexemeKind.Minus))
            return;
        while (Current.Kind is LexemeKind.Plus or LexemeKind.Minus)
        {
            Take();
            if (Current.Kind is LexemeKind.Number or LexemeKind.Missing)
            {
                Take();
            }
            else if (Current.Kind == LexemeKind.Word && !Current.StartsLine)
            {
                Report(DiagnosticIds.UnexpectedText, Current, "only a number can be added or taken away", Shown(Current));
                Put(LexemeKind.Missing);
                Drop();
            }
            else
            {
                PutMissingValue();
            }
        }
    }
}
