using VmiPl.Language.Tables;

namespace VmiPl.Language.Grammar;

/// <content>Braces.</content>
internal sealed partial class TokenRepair
{
    /// <summary>Blocks that may stand in one another.</summary>
    private const int MaxDepth = 64;

    private readonly Stack<OpenBlock> _blocks = [];

    /// <summary>Behind which repaired lexemes an opening brace is to be put in.</summary>
    private readonly HashSet<int> _bracesBehind = [];

    /// <summary>How many more braces open than close: only if they do not match, a brace that stands in an odd column is a mistake.</summary>
    private int _excess;

    private void OpenBody(Lexeme name, Lexeme first)
    {
        if (_blocks.Count > MaxDepth)
        {
            Report(DiagnosticIds.TooDeep, Current, null, MaxDepth);
            SkipBlock();
            return;
        }
        _blocks.Peek().CloseHead();
        bool isConfiguration = Text(name).Equals("Configuration", StringComparison.OrdinalIgnoreCase);
        _blocks.Push(new OpenBlock(name, Current.Span, ColumnOf(first), isConfiguration));
        Take();
    }

    /// <summary>A brace that does not follow a head directly.</summary>
    private void ReadOpenBrace()
    {
        if (Current.FollowsError && _blocks.Peek().LastHead is { } head && head.End == _output.Count)
        {
            OpenBody(head.Name, head.Name);
            return;
        }
        Report(DiagnosticIds.UnexpectedText, Current, "a name is missing before it", Shown(Current));
        SkipBlock();
    }

    /// <summary>Leaves a block out, with all that is in it.</summary>
    private void SkipBlock()
    {
        int depth = 0;
        do
        {
            depth += Current.Kind switch { LexemeKind.OpenBrace => 1, LexemeKind.CloseBrace => -1, _ => 0 };
            _at++;
        }
        while (depth > 0 && Current.Kind != LexemeKind.End);
        if (depth > 0)
            _input[_at] = Current with { IsDamaged = true };
    }

    private void ReadCloseBrace()
    {
        OpenBlock block = _blocks.Peek();
        if (_excess < 0 && MissingBrace(block) is { } head && _bracesBehind.Count < MaxDepth)
        {
            _excess++;
            _diagnostics.Report(DiagnosticIds.MissingOpeningBrace, head.Name.Span, null, TextOf(head.Name));
            _bracesBehind.Add(head.End - 1);
            block.CloseHead(head);
            Take();
        }
        else if (_blocks.Count > 1)
        {
            _blocks.Pop();
            _blocks.Peek().CloseHead();
            Take();
        }
        else
        {
            _excess++;
            Report(DiagnosticIds.NothingToClose, Current, null);
            Drop();
        }
    }

    /// <summary>The invocation whose body the current brace closes, if it is not the block's.</summary>
    private OpenBlock.Head? MissingBrace(OpenBlock block)
    {
        bool isTop = _blocks.Count == 1;
        int column = Current.StartsLine ? ColumnOf(Current) : 0;
        if (column > 0 && (isTop || column != block.Column) && block.HeadOf(column) is { } found)
            return found;
        return isTop && block.SinceBody.Count > 1 ? block.SinceBody.First : null;
    }

    /// <summary>If more braces open than close, an entry that stands no deeper than its block's head stands behind that block.</summary>
    private void CloseByColumn()
    {
        while (_excess > 0 && _blocks.Count > 1 && Current.StartsLine && Current.Kind != LexemeKind.OpenBrace)
        {
            OpenBlock block = _blocks.Peek();
            int column = ColumnOf(Current);
            bool isBehind = Current.Kind == LexemeKind.CloseBrace ? column < block.Column : column <= block.Column;
            if (!isBehind || block.FirstColumn <= block.Column)
                return;
            _excess--;
            CloseBlock();
        }
    }

    private void CloseBlocks()
    {
        _head = -1;
        bool isExcused = Current.IsDamaged;
        while (_blocks.Count > 1)
        {
            if (isExcused)
                CloseSilently();
            else
                CloseBlock();
        }
    }

    private void CloseBlock()
    {
        OpenBlock block = _blocks.Peek();
        _diagnostics.Report(DiagnosticIds.BlockNotClosed, block.Brace, null, TextOf(block.Name));
        CloseSilently();
    }

    private void CloseSilently()
    {
        _blocks.Pop();
        Put(LexemeKind.CloseBrace);
        _blocks.Peek().CloseHead();
    }

    private List<Lexeme> WithMissingBraces()
    {
        if (_bracesBehind.Count == 0)
            return _output;
        var complete = new List<Lexeme>(_output.Count + _bracesBehind.Count);
        for (int i = 0; i < _output.Count; i++)
        {
            complete.Add(_output[i]);
            if (_bracesBehind.Contains(i))
                complete.Add(new Lexeme(LexemeKind.OpenBrace, new SourceSpan(_output[i].Span.End, 0)));
        }
        return complete;
    }
}
