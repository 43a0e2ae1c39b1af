namespace VmiPl.TestGuests;

/// <summary>Where this host gets its Debian packages from: read from its own apt, so that proxies and local mirrors are
/// kept and no server is named here.</summary>
internal static class DebianMirror
{
    private static readonly Lazy<List<(string Uri, string Suite, string Origin)>> _known = new(Ask);

    private static readonly string[] _suites =
        ["bullseye", "bookworm", "trixie", "forky", "sid", "oldoldstable", "oldstable", "stable", "testing", "unstable"];

    /// <summary>The archive's address for a suite. Throws if this host's apt knows no Debian archive of that kind.</summary>
    public static string For(string suite)
    {
        var security = suite.EndsWith("-security", StringComparison.Ordinal);
        var setting = security ? "VMIPL_DEBIAN_SECURITY_MIRROR" : "VMIPL_DEBIAN_MIRROR";
        if (Environment.GetEnvironmentVariable(setting) is { Length: > 0 } named)
            return named;
        return _known.Value.FirstOrDefault(k => k.Suite.EndsWith("-security", StringComparison.Ordinal) == security).Uri
            ?? throw new GuestException($"This host's apt knows no Debian archive for {suite}: put one's address into {setting}, " +
                "or name a kernel in VMIPL_GUEST_KERNEL and the folder of its modules in VMIPL_GUEST_MODULES.");
    }

    /// <summary>Whether a suite's archive is known.</summary>
    public static bool Knows(string suite)
    {
        try
        {
            return For(suite).Length > 0;
        }
        catch (GuestException)
        {
            return false;
        }
    }

    private static List<(string Uri, string Suite, string Origin)> Ask()
    {
        if (!Command.TryRun("apt-get", ["indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
                out var configured, out _))
            return [];
        Command.TryRun("apt-get", ["indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"], out var fetched, out _);
        var debian = fetched.Split('\n').Where(l => l.EndsWith(" Debian", StringComparison.Ordinal)).ToHashSet();
        // Third parties name Debian's suites too: what calls itself Debian goes first, then what lies where mirrors lie.
        return [.. configured.Split('\n').Select(l => l.Split(' ')).Where(f => f is [_, _, "main"] && IsDebianSuite(f[1]))
            .Select(f => (Uri: f[0], Suite: f[1], Origin: debian.Contains(f[0] + " Debian") ? "Debian" : ""))
            .DistinctBy(k => (k.Uri, k.Suite))
            .OrderByDescending(k => k.Origin.Length)
            .ThenByDescending(k => k.Uri.TrimEnd('/').EndsWith("/debian", StringComparison.Ordinal))];
    }

    private static bool IsDebianSuite(string suite) => _suites.Contains(suite.Split('-', '/')[0]);
}
