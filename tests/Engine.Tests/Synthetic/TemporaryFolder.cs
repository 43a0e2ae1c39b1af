namespace VmiPl.Tests.Synthetic;

/// <summary>A folder of this test's own, removed with all that is in it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string FullName { get; } = Directory.CreateTempSubdirectory("vmipl-").FullName;

    public string File(string name) => Path.Combine(FullName, name);

    public string File(string name, byte[] content)
    {
        string path = File(name);
        System.IO.File.WriteAllBytes(path, content);
        return path;
    }

    public void Dispose() => Directory.Delete(FullName, recursive: true);
}
