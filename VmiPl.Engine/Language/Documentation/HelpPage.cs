using System.Text;

namespace VmiPl.Language.Documentation;

/// <summary>Writes a help page of PowerShell's about_ kind: plain text of at most 78 columns.</summary>
internal sealed class HelpPage
{
    private const int Width = 78;
    private readonly StringBuilder _text = new();

    /// <summary>A heading at the margin.</summary>
    public void Section(string title) => Separate().Append(title).Append('\n');

    /// <summary>A heading within a section.</summary>
    public void Heading(string title) => Separate().Append("  ").Append(title).Append('\n');

    /// <summary>A wrapped paragraph with an empty line before it, unless a heading stands there.</summary>
    public void Paragraph(string text)
    {
        if (!EndsWithHeading)
            _text.Append('\n');
        Wrap(text, 4, 4);
    }

    /// <summary>A term with what it means, wrapped beside it.</summary>
    public void Term(string term, int width, string meaning, int indent = 4) => Wrap($"{term.PadRight(width)}  {meaning}", indent, indent + width + 2);

    /// <summary>A wrapped text, without an empty line before it.</summary>
    public void Line(string text, int indent) => Wrap(text, indent, indent);

    /// <summary>Lines as they are.</summary>
    public void Code(string code, int indent)
    {
        foreach (string line in code.Split('\n'))
            _text.Append(' ', line.Length == 0 ? 0 : indent).Append(line).Append('\n');
    }

    /// <summary>An empty line.</summary>
    public void Gap() => _text.Append('\n');

    /// <summary>The page.</summary>
    public override string ToString() => _text.ToString();

    private bool EndsWithHeading
    {
        get
        {
            string text = _text.ToString().TrimEnd('\n');
            string last = text[(text.LastIndexOf('\n') + 1)..];
            return last.Length > 0 && !last.StartsWith("    ", StringComparison.Ordinal);
        }
    }

    private StringBuilder Separate() => _text.Length == 0 ? _text : _text.Append('\n');

    private void Wrap(string text, int first, int rest)
    {
        // The first words keep the spaces that align them.
        int column = first;
        _text.Append(' ', first);
        bool startsLine = true;
        foreach (string word in text.Split(' '))
        {
            if (!startsLine && column + 1 + word.Length > Width)
            {
                TrimLine();
                _text.Append('\n').Append(' ', rest);
                column = rest;
                startsLine = true;
            }
            if (!startsLine)
            {
                _text.Append(' ');
                column++;
            }
            _text.Append(word);
            column += word.Length;
            startsLine = false;
        }
        _text.Append('\n');
    }

    private void TrimLine()
    {
        while (_text[^1] == ' ')
            _text.Length--;
    }
}
