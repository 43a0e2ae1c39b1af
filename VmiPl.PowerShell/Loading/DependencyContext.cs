using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace VmiPl.Commands.Loading;

/// <summary>The module's own load context. PowerShell loads the cmdlets' assembly into the default context; what that one
/// needs lies in <c>Dependencies/</c> and is loaded here, so that another module's version of a library cannot clash.</summary>
internal sealed class DependencyContext : AssemblyLoadContext
{
    private const string EngineName = "VmiPl.Engine";
    private static readonly string Folder =
        Path.Combine(Path.GetDirectoryName(typeof(DependencyContext).Assembly.Location) ?? "", "Dependencies");
    private static readonly DependencyContext Context = new();
    private static int _registered;

    private DependencyContext() : base("VmiPl")
    {
    }

    /// <summary>Answers the default context's question for the Engine; for nothing else, as other modules ask there too.
    /// It stays for the life of the process: the cmdlets' assembly cannot be unloaded, so its needs don't end.</summary>
    public static void Register()
    {
        if (Interlocked.Exchange(ref _registered, 1) == 0)
            Default.Resolving += static (_, name) => name.Name == EngineName ? Context.LoadFromAssemblyName(name) : null;
    }

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        string? path = Candidates(assemblyName.Name + ".dll").FirstOrDefault(File.Exists);
        return path is null ? null : LoadFromAssemblyPath(path);
    }

    /// <summary>The folder itself, then the one of this processor, as packages lay out what differs between processors.</summary>
    private static IEnumerable<string> Candidates(string file)
    {
        yield return Path.Combine(Folder, file);
        string processor = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        string libraries = Path.Combine(Folder, "runtimes", "linux-" + processor, "lib");
        if (!Directory.Exists(libraries))
            yield break;
        foreach (string framework in Directory.EnumerateDirectories(libraries))
            yield return Path.Combine(framework, file);
    }
}
