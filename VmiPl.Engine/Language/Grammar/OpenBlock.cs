namespace VmiPl.Language.Grammar;

/// <summary>A block that <see cref="TokenRepair"/> stands in, or the script itself. The columns of the lines' first characters only
/// matter where braces do not match: they then tell which brace is missing.</summary>
internal sealed class OpenBlock(Lexeme name, SourceSpan brace, int column, bool isConfiguration)
{
    private readonly Stack<Head> _heads = [];

    public Lexeme Name => name;
    public SourceSpan Brace => brace;
    public int Column => column;
    public bool IsConfiguration => isConfiguration;

    /// <summary>Column of the block's first line, 0 while there is none.</summary>
    public int FirstColumn { get; private set; }

    /// <summary>The first invocation without a body behind the last one with, and how many invocations there are since.</summary>
    public (Head First, int Count) SinceBody { get; private set; }

    /// <summary>The last invocation, if it has no body.</summary>
    public Head? LastHead { get; private set; }

    public void Add(Head head)
    {
        LastHead = head;
        SinceBody = SinceBody.Count == 0 ? (head, 1) : (SinceBody.First, SinceBody.Count + 1);
        if (head.Column == 0)
            return;
        if (FirstColumn == 0)
            FirstColumn = head.Column;
        while (_heads.TryPeek(out Head last) && last.Column >= head.Column)
            _heads.Pop();
        _heads.Push(head);
    }

    /// <summary>An invocation got a body that ends here: what stands behind its head stands in it.</summary>
    public void CloseHead(Head head)
    {
        while (_heads.TryPeek(out Head last) && last.End >= head.End)
            _heads.Pop();
        if (head.Column > 0)
            _heads.Push(head);
        CloseHead();
    }

    /// <summary>The last invocation got a body.</summary>
    public void CloseHead()
    {
        SinceBody = default;
        LastHead = null;
        if (_heads.TryPop(out Head last))
            _heads.Push(last with { HasBody = true });
    }

    /// <summary>The invocation without a body that begins in a column and has deeper lines behind it.</summary>
    public Head? HeadOf(int braceColumn)
    {
        int deeper = 0;
        for (; _heads.TryPeek(out Head last) && last.Column > braceColumn; deeper++)
            _heads.Pop();
        return deeper > 0 && _heads.TryPeek(out Head head) && head.Column == braceColumn && !head.HasBody ? head : null;
    }

    /// <summary>An invocation: its name, where its head ends among the repaired lexemes, the column if it begins a line, or 0.</summary>
    internal readonly record struct Head(Lexeme Name, int End, int Column, bool HasBody);
}
