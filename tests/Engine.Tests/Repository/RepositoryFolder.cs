namespace VmiPl.Tests.Repository;

/// <summary>The checkout that this test was built from.</summary>
internal static class RepositoryFolder
{
    /// <summary>Its absolute path: the nearest folder above the test's assembly that has the solution.</summary>
    public static string Root { get; } = Find();

    /// <summary>Source files below a folder of the checkout, build products left out.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Where(path => !Path.GetRelativePath(Root, path).Split('/').Any(part => part is "bin" or "obj" or "out" or ".git"))
            .Order(StringComparer.Ordinal);

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "VmiPl.slnx")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException($"No checkout above '{AppContext.BaseDirectory}'.");
    }
}
