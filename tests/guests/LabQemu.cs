using System.Globalization;
using System.Text.RegularExpressions;

namespace VmiPl.TestGuests;

/// <summary>A QEMU whose emulated SVM lets hardware breakpoints fire in nested guests: version 10 does, 7.2 silently does not.</summary>
/// <param name="Program">Its path.</param>
/// <param name="DataFolders">Where its firmware lies, for <c>-L</c>; empty for one that is installed.</param>
/// <param name="ModuleFolder">Its <c>QEMU_MODULE_DIR</c>; null for one that is installed.</param>
internal sealed partial record LabQemu(string Program, IReadOnlyList<string> DataFolders, string? ModuleFolder)
{
    private const int Oldest = 10;
    private const string Cached = "qemu/bookworm-backports";

    /// <summary>The one that <c>VMIPL_LAB_QEMU</c> names, else this host's if it is new enough, else Debian 12's backport, unpacked
    /// in the cache (13 MB the first time).</summary>
    /// <exception cref="GuestException">There is none, or it does not run here.</exception>
    public static LabQemu Find()
    {
        if (Installed() is { } installed)
            return new LabQemu(installed, [], null);
        var folder = GuestCache.Once(Cached, target =>
        {
            DebianPackages.Fetch(["bookworm-backports"], GuestArchitecture.Amd64, "qemu-system-x86", Parts(), Path.Combine(target, "root"));
            var program = Path.Combine(target, "root/usr/bin/qemu-system-x86_64");
            if (Version(program) < Oldest)
                throw new GuestException($"The KVM lab's QEMU from Debian 12's backports does not run here; name a QEMU of version {Oldest} or newer in VMIPL_LAB_QEMU.");
        });
        var root = Path.Combine(folder, "root/usr");
        return new LabQemu(Path.Combine(root, "bin/qemu-system-x86_64"),
            [Path.Combine(root, "share/qemu"), Path.Combine(root, "share/seabios")], Path.Combine(root, "lib/x86_64-linux-gnu/qemu"));
    }

    /// <summary>What is missing, in words, where there is none and none can be fetched; null otherwise.</summary>
    public static string? Missing() =>
        Installed() is not null || Directory.Exists(Path.Combine(GuestCache.Root, Cached)) ||
        (AptRoot.Keyring is not null && Command.Find("apt-get") is not null && DebianMirror.Knows("bookworm-backports"))
            ? null : $"a QEMU of version {Oldest} or newer, installed or named in VMIPL_LAB_QEMU";

    private static string? Installed()
    {
        if (Environment.GetEnvironmentVariable("VMIPL_LAB_QEMU") is { Length: > 0 } named)
            return Command.Find(named) ?? throw new GuestException($"There is no {named}, which VMIPL_LAB_QEMU names.");
        return Command.Find("qemu-system-x86_64") is { } program && Version(program) >= Oldest ? program : null;
    }

    private static int Version(string program) =>
        Command.TryRun(program, ["--version"], out var text, out _) && VersionText().Match(text) is { Success: true } match
            ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"version (\d+)\.")]
    private static partial Regex VersionText();

    [GeneratedRegex(@"\b(qemu-system-(x86|common|data)|seabios)(?![\w-])")]
    private static partial Regex Parts();
}
