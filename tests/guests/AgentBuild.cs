using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace VmiPl.TestGuests;

/// <summary>Compiles the guest's programs and the host's helper from the sources inside this assembly, once per source
/// text and architecture.</summary>
internal static class AgentBuild
{
    private static readonly string[] _freestanding =
    [
        "-std=gnu17", "-Os", "-Wall", "-Wextra", "-ffreestanding", "-fno-stack-protector", "-fno-pic", "-no-pie", "-static",
        "-nostdlib", "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-Wl,--build-id=none,-z,noexecstack",
    ];

    private static IEnumerable<string> Workloads => Sources("agent/").Select(source => source.Name)
        .Where(name => name.StartsWith("workload", StringComparison.Ordinal) && name.EndsWith(".c", StringComparison.Ordinal));

    /// <summary>Folder with <c>init</c> and <c>app</c> for a guest of this architecture.</summary>
    public static string ForGuest(GuestArchitecture architecture)
    {
        var word = architecture == GuestArchitecture.I386 ? "-m32" : "-m64";
        return Build(word, (sources, target) =>
        {
            string[] init = ["util.c", "modules.c", "launch.c", "processes.c", "places.c", "disk.c", "snapshot.c", "network.c",
                "commands.c", .. Workloads, "init.c"];
            Compile(sources, Path.Combine(target, "init"), [word, .. _freestanding], ["start.c", "text.c", .. init]);
            Compile(sources, Path.Combine(target, "app"), [word, .. _freestanding, $"-Wl,--section-start=.marker=0x{TestGuest.MarkerAddress:x}"],
                ["start.c", "text.c", "app.c"]);
        });
    }

    /// <summary>The first program of the KVM lab's outer guest.</summary>
    public static string Lab() => Path.Combine(
        Build("lab", (sources, target) => Compile(sources, Path.Combine(target, "lab"), ["-m64", .. _freestanding],
            ["start.c", "text.c", "util.c", "modules.c", "lab.c"])), "lab");

    /// <summary>The host's helper that ends a program together with whoever asked for it.</summary>
    public static string Runner() => Path.Combine(
        Build("host", (sources, target) => Compile(sources, Path.Combine(target, "run"), ["-O1", "-Wall"], ["run.c"])), "run");

    private static string Build(string kind, Action<string, string> compile)
    {
        return GuestCache.Once($"agent/{KeyOf("agent/")}{(kind[0] == '-' ? kind : "-" + kind)}", target =>
        {
            var folder = Directory.CreateDirectory(Path.Combine(target, "source")).FullName;
            WriteSources("agent/", folder);
            compile(folder, target);
        });
    }

    /// <summary>A short name of the sources' text and how they are compiled.</summary>
    internal static string KeyOf(string kind) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Concat(Sources(kind).Select(s => s.Name + "\0" + s.Text)) + string.Join(' ', _freestanding))))[..16];

    /// <summary>Puts the sources of one kind (<c>agent/</c>, <c>module/</c>) into a folder.</summary>
    internal static void WriteSources(string kind, string folder)
    {
        foreach (var (name, text) in Sources(kind))
            File.WriteAllText(Path.Combine(folder, name), text);
    }

    private static void Compile(string folder, string target, ReadOnlySpan<string> options, ReadOnlySpan<string> sources)
    {
        var compiler = Environment.GetEnvironmentVariable("CC") is { Length: > 0 } cc ? cc : "gcc";
        if (!Command.TryRun(compiler, [.. options, "-o", target, .. sources], out _, out var error, folder))
            throw new GuestException($"{compiler} cannot compile the guest's programs (Debian: gcc, libc6-dev): {error.Trim()}");
    }

    private static List<(string Name, string Text)> Sources(string kind)
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames().Where(n => n.StartsWith(kind, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                return (name[kind.Length..], reader.ReadToEnd());
            })];
    }
}
