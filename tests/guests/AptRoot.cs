using System.Text;

namespace VmiPl.TestGuests;

/// <summary>An apt of our own in the cache folder: own sources, lists and archives, no root, nothing of the system's apt
/// touched. One per set of suites and architecture, so that no more lists are fetched than needed.</summary>
internal sealed class AptRoot
{
    private static readonly string[] _keyrings =
        ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];
    private readonly string _configuration;

    /// <summary>Debian's archive keys; null if this host has none.</summary>
    public static string? Keyring => _keyrings.FirstOrDefault(File.Exists);

    public AptRoot(IReadOnlyList<string> suites, GuestArchitecture architecture)
    {
        var name = architecture == GuestArchitecture.I386 ? "i386" : "amd64";
        var root = GuestCache.Folder("apt", $"{string.Join('+', suites)}-{name}");
        foreach (var folder in (ReadOnlySpan<string>)["state/lists/partial", "cache/archives/partial", "etc"])
            Directory.CreateDirectory(Path.Combine(root, folder));
        File.WriteAllText(Path.Combine(root, "state/status"), "");
        File.WriteAllText(Path.Combine(root, "etc/sources.list"), Sources(suites, name));
        _configuration = Path.Combine(root, "apt.conf");
        File.WriteAllText(_configuration, Configuration(root, name));
    }

    /// <summary>Fetches the lists. False if one could not be fetched whole: an older one may still do.</summary>
    public bool Update(out string error) => Apt("apt-get", ["update"], null, out _, out error);

    /// <summary>The newest version's record of a package, field by field; null if no list has it.</summary>
    public Dictionary<string, string>? Show(string package)
    {
        if (!Apt("apt-cache", ["show", "--no-all-versions", package], null, out var text, out _))
            return null;
        var fields = new Dictionary<string, string>();
        foreach (var line in text.Split('\n').TakeWhile((l, i) => l.Length > 0 || i == 0))
            if (line.Length > 0 && line[0] != ' ' && line.IndexOf(": ", StringComparison.Ordinal) is > 0 and var colon)
                fields[line[..colon]] = line[(colon + 2)..];
        return fields;
    }

    /// <summary>Downloads a package; the path of its file, which the caller deletes.</summary>
    public string Download(string package, string folder)
    {
        var error = "";
        for (var attempt = 0; attempt < 3; attempt++)
            if (Apt("apt-get", ["download", package], folder, out _, out error))
                return Directory.EnumerateFiles(folder, $"{package}_*.deb").Single();
        throw new GuestException($"apt-get cannot download {package}: {error.Trim()}");
    }

    private bool Apt(string program, ReadOnlySpan<string> arguments, string? folder, out string output, out string error) =>
        Command.TryRun(program, arguments, out output, out error, folder, $"APT_CONFIG={_configuration}");

    private static string Sources(IReadOnlyList<string> suites, string architecture)
    {
        var keyring = Keyring ?? throw new GuestException(
            "Debian's archive keys are needed to check the guest's kernel (package debian-archive-keyring), or name a kernel " +
            "in VMIPL_GUEST_KERNEL and the folder of its modules in VMIPL_GUEST_MODULES.");
        var sources = new StringBuilder();
        foreach (var suite in suites)
            sources.Append("deb [arch=").Append(architecture).Append(" signed-by=").Append(keyring).Append("] ")
                .Append(DebianMirror.For(suite)).Append(' ').Append(suite).Append(" main\n");
        return sources.ToString();
    }

    // A mirror that stands still for weeks is as good for a guest's kernel: its age is not checked, its signatures are.
    // The system's own configuration parts are left out (they may hold hooks that clean the system's archives), but for
    // how the network is reached.
    private static string Configuration(string root, string architecture)
    {
        var network = Command.Run("apt-config", "dump").Split('\n').Where(line =>
            line.StartsWith("Acquire::http", StringComparison.Ordinal) ||
            line.StartsWith("Acquire::Force", StringComparison.Ordinal));
        return $"""
            Dir::Etc::parts "/dev/null";
            Dir::Etc::main "/dev/null";
            Dir::Etc::sourcelist "{root}/etc/sources.list";
            Dir::Etc::sourceparts "/dev/null";
            Dir::Etc::preferences "/dev/null";
            Dir::Etc::preferencesparts "/dev/null";
            Dir::State "{root}/state";
            Dir::State::status "{root}/state/status";
            Dir::Cache "{root}/cache";
            Dir::Cache::pkgcache "";
            Dir::Cache::srcpkgcache "";
            APT::Architecture "{architecture}";
            APT::Architectures "{architecture}";
            APT::Sandbox::User "root";
            Acquire::Languages "none";
            Acquire::Check-Valid-Until "false";
            Acquire::Retries "3";

            """ + string.Join('\n', network) + "\n";
    }
}
