using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Cases;

/// <summary>Reads the files that <c>tests/cases/README.md</c> describes, down to sections and lines. Kinds of sections are not
/// known here.</summary>
public static class CaseReader
{
    /// <summary>All cases of the checkout, by file and as they stand there.</summary>
    public static IReadOnlyList<TextCase> ReadAll() =>
        [.. RepositoryFolder.Files("tests/cases", "*.case").SelectMany(path => Read(Path.GetFileName(path), File.ReadLines(path)))];

    public static IReadOnlyList<TextCase> Read(string file, IEnumerable<string> lines)
    {
        var cases = new List<(string Name, List<CaseSection> Sections)>();
        var body = new List<string>();
        int number = 0;
        foreach (string raw in lines)
        {
            number++;
            string line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
                continue;
            if (!line.StartsWith("-- ", StringComparison.Ordinal))
            {
                if (cases.Count == 0 || cases[^1].Sections.Count == 0)
                    throw new FormatException($"{file}:{number}: a line outside of any section");
                body.Add(line);
                continue;
            }
            string[] header = line[3..].Trim().Split(' ', 2);
            string argument = header.Length == 2 ? header[1].Trim() : "";
            if (header[0] == "name")
            {
                if (cases.Any(other => other.Name == argument))
                    throw new FormatException($"{file}:{number}: there is another case '{argument}'");
                cases.Add((argument, []));
                continue;
            }
            if (cases.Count == 0)
                throw new FormatException($"{file}:{number}: a section in front of the first name");
            body = [];
            cases[^1].Sections.Add(new CaseSection(header[0], argument, body));
        }
        return [.. cases.Select(found => new TextCase(file, found.Name, found.Sections))];
    }
}
