using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace VmiPl.TestGuests;

/// <summary>Brings Debian's packages without installing them.</summary>
internal static partial class DebianPackages
{
    // What a guest may load, then what the KVM lab's outer guest needs; the rest of the modules (some 300 MB) is not kept.
    private static readonly string[] _keptFolders = ["/drivers/virtio/", "/drivers/input/"];
    private static readonly string[] _keptModules =
    [
        "virtio_blk", "virtio_net", "virtio_console", "net_failover", "failover", "e1000", "e1000e", "mii", "8139cp", "msr",
        "9p", "9pnet", "9pnet_virtio", "netfs", "fscache", "overlay", "irqbypass", "ccp", "kvm", "kvm_amd", "rng_core",
    ];

    /// <summary>A short name of what is kept of a kernel: a cache that was filled with another choice does not serve.</summary>
    public static string Selection { get; } = Convert.ToHexStringLower(SHA256.HashData(
        Encoding.UTF8.GetBytes(string.Join(' ', [.. _keptFolders, .. _keptModules]))))[..8];

    /// <summary>Puts <c>vmlinuz</c>, <c>modules/</c> and <c>packages</c> (what it was made of) into a folder.</summary>
    public static void FetchKernel(GuestKernel kernel, string target)
    {
        var work = Directory.CreateDirectory(Path.Combine(target, "work")).FullName;
        // A host without the security archive still gets the suite's own kernel.
        var suites = kernel.Suites.Where((suite, i) => i == 0 || DebianMirror.Knows(suite)).ToArray();
        var packages = Fetch(suites, kernel.Architecture, kernel.Package, KernelPart(), Path.Combine(work, "root"));
        if (packages.Count == 0)
            throw new GuestException($"{kernel.Package} depends on no kernel image.");
        File.WriteAllLines(Path.Combine(target, "packages"), packages);
        Keep(Path.Combine(work, "root"), target);
        Directory.Delete(work, recursive: true);
    }

    /// <summary>Unpacks into <paramref name="root"/> what <paramref name="package"/> depends on, directly or not, as far as
    /// the names match <paramref name="parts"/>, and the package itself if its own name does. Gives the packages' names.</summary>
    public static List<string> Fetch(IReadOnlyList<string> suites, GuestArchitecture architecture, string package, Regex parts, string root)
    {
        var work = Directory.CreateDirectory(root + ".packages").FullName;
        using (FileLock.Take(Path.Combine(GuestCache.Folder("apt"), "lock")))
        {
            var apt = new AptRoot(suites, architecture);
            var error = "";
            for (var attempt = 0; attempt < 3; attempt++)
                if (apt.Update(out error))
                    break;
            if (apt.Show(package) is null)
                throw new GuestException($"No package {package} in {string.Join(", ", suites)}: {error.Trim()}");
            var packages = Resolve(apt, package, parts);
            foreach (var name in packages)
            {
                var deb = apt.Download(name, work);
                Command.Run("dpkg-deb", "-x", deb, root);
                File.Delete(deb);
            }
            Directory.Delete(work);
            return packages;
        }
    }

    // Newer Debian kernels are split: the image package then depends on a binary and a modules package.
    private static List<string> Resolve(AptRoot apt, string first, Regex parts)
    {
        var found = new List<string>();
        var open = new Queue<string>([first]);
        while (open.TryDequeue(out var package))
        {
            if (apt.Show(package) is not { } record)
                continue;
            if (parts.Match(package) is { Success: true } own && own.Length == package.Length)
                found.Add(package);
            foreach (Match match in parts.Matches(record.GetValueOrDefault("Depends", "")))
                if (!found.Contains(match.Value) && !open.Contains(match.Value))
                    open.Enqueue(match.Value);
        }
        return found;
    }

    private static void Keep(string root, string target)
    {
        var files = Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).ToList();
        var image = files.FirstOrDefault(f => Path.GetFileName(f).StartsWith("vmlinuz", StringComparison.Ordinal))
            ?? throw new GuestException("The kernel's packages hold no vmlinuz.");
        File.Move(image, Path.Combine(target, "vmlinuz"));
        var modules = Directory.CreateDirectory(Path.Combine(target, "modules")).FullName;
        foreach (var file in files.Where(IsWanted))
            File.Move(file, Path.Combine(modules, Path.GetFileName(file)), overwrite: true);
    }

    private static bool IsWanted(string file)
    {
        var name = Path.GetFileName(file).Split(".ko", 2);
        return name.Length == 2 && (_keptModules.Contains(name[0].Replace('-', '_')) ||
            _keptFolders.Any(folder => file.Contains(folder, StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"\blinux-(image|binary|modules)-\d+\.[^\s,(|]*")]
    private static partial Regex KernelPart();
}
