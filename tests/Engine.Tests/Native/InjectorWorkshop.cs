using System.Diagnostics;
using VmiPl.Tests.Repository;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Native;

/// <summary>vmi-inject, and the programs and libraries that its tests need, compiled once for a test class, where every user may read them.</summary>
public sealed class InjectorWorkshop : IDisposable
{
    /// <summary>The exit codes: <c>native-shim/injector/outcome.h</c>.</summary>
    internal const int Done = 0, Usage = 2, NoProcess = 3, NotPermitted = 4, Unsuitable = 5, NotSafe = 6, DlopenFailed = 7, NotLoaded = 8, InUse = 9,
        AlreadyLoaded = 10, BadLibrary = 11;

    /// <summary>How a loaded library and its file show in /proc.</summary>
    internal const string Mark = "/memfd:vmi-shim (deleted)";

    internal static readonly string[] AsNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

    private readonly TemporaryFolder _folder = new();

    public InjectorWorkshop()
    {
        File.SetUnixFileMode(_folder.FullName, (UnixFileMode)0b111_101_101);
        Program = _folder.File("vmi-inject");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "native", "vmi-inject"), Program);
        Library = Compile("library", "library.c", "-shared -fPIC -pthread");
    }

    internal string Program { get; }

    /// <summary>The one that loads and unloads without trouble.</summary>
    internal string Library { get; }

    /// <summary>A library that gives trouble, by the macro in <c>library.c</c> that makes it so.</summary>
    internal string TroubleWith(string macro) => Compile(macro, "library.c", $"-shared -fPIC -pthread -D{macro}");

    internal string Compile(string name, string source, string options, string? compiler = null) =>
        Compile(name, [Path.Combine(RepositoryFolder.Root, "native-shim/injector/tests", source)], "-std=gnu17 -O1 " + options, compiler);

    /// <summary>The shim, as Programs.targets has it made.</summary>
    internal string CompileShim(string name, string compiler)
    {
        string folder = Path.Combine(RepositoryFolder.Root, "native-shim");
        return Compile(name, Directory.GetFiles(Path.Combine(folder, "src"), "*.c"),
            $"-std=c17 -O2 -fPIC -fvisibility=hidden -shared -s -Wl,-z,now -I{folder}/include -include {folder}/src/vmi_old_symbols.h", compiler);
    }

    private string Compile(string name, string[] sources, string options, string? compiler)
    {
        string path = _folder.File(name);
        if (!File.Exists(path))
        {
            compiler ??= Environment.GetEnvironmentVariable("CC") is { Length: > 0 } cc ? cc : "gcc";
            var made = Run([compiler, .. $"-Wall -Wextra -Werror {options} -o {path}".Split(' '), .. sources]);
            Assert.True(made.Code == 0, made.Text);
        }
        return path;
    }

    internal string Write(string name, string text) => _folder.File(name, System.Text.Encoding.ASCII.GetBytes(text));

    internal (int Code, string Text) Load(int process, string? library = null) => Run([Program, "load", $"{process}", library ?? Library]);

    internal (int Code, string Text) Unload(int process) => Run([Program, "unload", $"{process}"]);

    /// <summary>Runs a program to its end. The text is what it has written to either output.</summary>
    internal static (int Code, string Text) Run(string[] command)
    {
        using Process process = Start(command);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }

    internal static Process Start(string[] command)
    {
        var start = new ProcessStartInfo(command[0]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in command[1..])
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>Starts it and kills it at a random moment of its first 20 ms.</summary>
    internal void Kill(params string[] arguments)
    {
        using Process process = Start([Program, .. arguments]);
        long moment = Stopwatch.GetTimestamp() + Random.Shared.NextInt64(Stopwatch.Frequency / 50);
        SpinWait.SpinUntil(() => Stopwatch.GetTimestamp() >= moment || process.HasExited);
        process.Kill();
        process.WaitForExit();
    }

    public void Dispose() => _folder.Dispose();
}
