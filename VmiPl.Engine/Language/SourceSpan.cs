namespace VmiPl.Language;

/// <summary>A run of characters of a script: the index of its first and its length, in UTF-16 units.</summary>
public readonly record struct SourceSpan(int Start, int Length)
{
    /// <summary>The index behind the last character.</summary>
    public int End => Start + Length;
}
