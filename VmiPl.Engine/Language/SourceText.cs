namespace VmiPl.Language;

/// <summary>The text of a script and where its lines begin. Immutable; safe from any thread.</summary>
public sealed class SourceText
{
    private readonly int[] _lineStarts;

    /// <summary>Makes a source of a text. <paramref name="file"/> is the path it came from, or null for a text from elsewhere.</summary>
    public SourceText(string text, string? file = null)
    {
        Text = text;
        File = file;
        var starts = new List<int> { 0 };
        for (int i = 0; i < text.Length; i++)
        {
            // LF, CRLF and a lone CR each end a line.
            if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.Length || text[i + 1] != '\n')))
                starts.Add(i + 1);
        }
        _lineStarts = [.. starts];
    }

    /// <summary>The whole text, as it was given.</summary>
    public string Text { get; }

    /// <summary>The path of the file, or null.</summary>
    public string? File { get; }

    /// <summary>Line and column, both from 1, of a character's index; the index behind the last character is allowed. A tab is one
    /// column.</summary>
    public (int Line, int Column) PositionOf(int index)
    {
        int found = Array.BinarySearch(_lineStarts, Math.Clamp(index, 0, Text.Length));
        int line = found >= 0 ? found : ~found - 1;
        return (line + 1, index - _lineStarts[line] + 1);
    }

    /// <summary>The text of a line, counted from 1, without its end.</summary>
    public string LineText(int line)
    {
        int start = _lineStarts[line - 1];
        int end = line < _lineStarts.Length ? _lineStarts[line] : Text.Length;
        return Text[start..end].TrimEnd('\r', '\n');
    }
}
