using System.Text.RegularExpressions;

namespace VmiPl.TestGuests;

/// <summary>Brings a Debian kernel without installing it.</summary>
internal static partial class DebianPackages
{
    // What a guest may load; the rest of the modules (some 300 MB) is not kept.
    private static readonly string[] _keptFolders = ["/drivers/virtio/", "/drivers/input/"];
    private static readonly string[] _keptModules =
        ["virtio_blk", "virtio_net", "virtio_console", "net_failover", "failover", "e1000", "e1000e", "mii", "8139cp"];

    /// <summary>Puts <c>vmlinuz</c>, <c>modules/</c> and <c>packages</c> (what it was made of) into a folder.</summary>
    public static void FetchKernel(GuestKernel kernel, string target)
    {
        var work = Directory.CreateDirectory(Path.Combine(target, "work")).FullName;
        // A host without the security archive still gets the suite's own kernel.
        var suites = kernel.Suites.Where((suite, i) => i == 0 || DebianMirror.Knows(suite)).ToArray();
        using (FileLock.Take(Path.Combine(GuestCache.Folder("apt"), "lock")))
        {
            var apt = new AptRoot(suites, kernel.Architecture);
            var packages = Resolve(apt, kernel);
            File.WriteAllLines(Path.Combine(target, "packages"), packages);
            foreach (var package in packages)
            {
                var deb = apt.Download(package, work);
                Command.Run("dpkg-deb", "-x", deb, Path.Combine(work, "root"));
                File.Delete(deb);
            }
        }
        Keep(Path.Combine(work, "root"), target);
        Directory.Delete(work, recursive: true);
    }

    /// <summary>From the meta-package to the packages that hold the image and the modules. Newer Debian kernels are split:
    /// the image package then depends on a binary and a modules package.</summary>
    private static List<string> Resolve(AptRoot apt, GuestKernel kernel)
    {
        var error = "";
        for (var attempt = 0; attempt < 3; attempt++)
            if (apt.Update(out error))
                break;
        var found = new List<string>();
        var open = new Queue<string>([kernel.Package]);
        while (open.TryDequeue(out var package))
        {
            var record = apt.Show(package);
            if (record is null && package == kernel.Package)
                throw new GuestException($"No package {package} in {string.Join(", ", kernel.Suites)}: {error.Trim()}");
            if (record is null)
                continue;
            if (package != kernel.Package)
                found.Add(package);
            foreach (Match match in KernelPart().Matches(record.GetValueOrDefault("Depends", "")))
                if (!found.Contains(match.Value) && !open.Contains(match.Value))
                    open.Enqueue(match.Value);
        }
        return found.Count > 0 ? found : throw new GuestException($"{kernel.Package} depends on no kernel image.");
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

    [GeneratedRegex(@"\blinux-(image|binary|modules)-[^\s,(|]+")]
    private static partial Regex KernelPart();
}
