using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Cases;

/// <summary>Reads the files that <c>tests/cases/README.md</c> describes, down to sections and lines. Kinds of sections are not
/// known here.</summary>
public static class CaseReader
{
    private const string Header = "-- ";

    /// <summary>All cases of the checkout, by file and as they stand there.</summary>
    public static IReadOnlyList<TextCase> ReadAll() =>
        [.. RepositoryFolder.Files("tests/cases", "*.case").SelectMany(path => Read(Path.GetFileName(path), File.ReadAllLines(path)))];

    public static IReadOnlyList<TextCase> Read(string file, IReadOnlyList<string> lines)
    {
        var cases = new List<TextCase>();
        var sections = new List<CaseSection>();
        var names = new HashSet<string>();
        for (int i = 0; i < lines.Count;)
        {
            int first = i + 1, end = first;
            while (end < lines.Count && !IsHeader(lines[end]))
                end++;
            string[] body = [.. lines.Skip(first).Take(end - first)];
            if (!IsHeader(lines[i]))
            {
                if (Means(lines[i]) || body.Any(Means))
                    throw new FormatException($"{file}:{i + 1}: text in front of the first case");
                i = end;
                continue;
            }
            string[] header = lines[i][Header.Length..].Trim().Split(' ', 2, StringSplitOptions.TrimEntries);
            string argument = header.Length == 2 ? header[1] : "";
            if (header[0] == "name")
            {
                if (body.Any(Means))
                    throw new FormatException($"{file}:{i + 1}: a line outside of any section");
                if (!names.Add(argument))
                    throw new FormatException($"{file}:{i + 1}: there is another case '{argument}'");
                sections = [];
                cases.Add(new TextCase(file, argument, sections));
            }
            else
            {
                if (cases.Count == 0)
                    throw new FormatException($"{file}:{i + 1}: a section in front of the first name");
                sections.Add(new CaseSection(header[0], argument, body));
            }
            i = end;
        }
        return cases;
    }

    private static bool IsHeader(string line) => line.StartsWith(Header, StringComparison.Ordinal);

    private static bool Means(string line) => line.Trim() is { Length: > 0 } text && text[0] != '#';
}
