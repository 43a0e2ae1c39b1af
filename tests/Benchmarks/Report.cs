namespace VmiPl.Benchmarks;

/// <summary>The table that a run ends with: what was measured, the figure, the aim, and whether it was reached.</summary>
internal sealed class Report
{
    private readonly List<(string What, string Figure, string Aim, bool? Reached)> _rows = [];

    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    public void Add(string what, string figure, string aim = "", bool? reached = null)
    {
        _rows.Add((what, figure, aim, reached));
        Console.Error.WriteLine($"  {what}: {figure}");
    }

    public void Print()
    {
        if (_rows.Count == 0)
            return;
        int what = _rows.Max(row => row.What.Length), figure = _rows.Max(row => row.Figure.Length);
        foreach ((string name, string value, string aim, bool? reached) in _rows)
        {
            string verdict = reached switch { true => "reached", false => "MISSED", null => "" };
            Console.WriteLine($"{name.PadRight(what)}  {value.PadLeft(figure)}  {aim,-14}  {verdict}".TrimEnd());
        }
    }

    private static string FindRoot()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "VmiPl.slnx")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The benchmarks do not lie in the repository.");
        return folder;
    }
}
