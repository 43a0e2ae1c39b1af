using System.Globalization;

namespace VmiPl.Tests.Native;

/// <summary>What a process shows of itself from outside: whether something was left in it. Memory that its own work maps is not in it.</summary>
internal static class ProcessTrace
{
    /// <summary>Its open files, by number.</summary>
    public static string[] Files(int process) =>
        [.. Directory.GetFiles($"/proc/{process}/fd").Select(path => $"{Path.GetFileName(path)} {new FileInfo(path).LinkTarget}").Order(StringComparer.Ordinal)];

    /// <summary>What is mapped from files: the lines of <c>maps</c> with a path.</summary>
    public static string[] Mappings(int process) => [.. File.ReadLines($"/proc/{process}/maps").Where(line => line.Contains('/', StringComparison.Ordinal))];

    public static bool IsLoaded(int process) => Mappings(process).Any(line => line.EndsWith(InjectorWorkshop.Mark, StringComparison.Ordinal));

    /// <summary>All bytes that it can execute, with the padding behind the code.</summary>
    public static byte[] Code(int process)
    {
        using var bytes = new MemoryStream();
        using FileStream memory = File.OpenRead($"/proc/{process}/mem");
        foreach (string line in Mappings(process).Where(line => line.Contains(" r-xp ", StringComparison.Ordinal)))
        {
            string[] range = line.Split(' ')[0].Split('-');
            long start = long.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var part = new byte[long.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) - start];
            memory.Position = start;
            memory.ReadExactly(part);
            bytes.Write(part);
        }
        return bytes.ToArray();
    }
}
