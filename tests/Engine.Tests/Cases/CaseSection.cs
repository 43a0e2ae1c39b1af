namespace VmiPl.Tests.Cases;

/// <summary>One section of a case: <c>-- kind argument</c> and its body, as it stands in the file.</summary>
public sealed record CaseSection(string Kind, string Argument, IReadOnlyList<string> Body)
{
    /// <summary>The body without comments, empty lines and blanks around.</summary>
    public IReadOnlyList<string> Lines { get; } = [.. Body.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];

    /// <summary>The body to the character: for what is written in a language of its own, in which <c>#</c> is no comment.</summary>
    public string Text => string.Concat(Body.Select(line => line + "\n"));
}
