using System.Reflection;
using System.Text.RegularExpressions;

namespace VmiPl.TestGuests;

/// <summary>Compiles the guest's test module (<c>module/</c>) with the kernel's own build system, once per source text and kernel,
/// from Debian's header packages, which are unpacked for that and not kept.</summary>
public static partial class TestModule
{
    /// <summary>The module's name.</summary>
    public const string Name = "vmipl_test";

    /// <summary>The module's file for this kernel; some 20 MB are fetched and seconds pass the first time.</summary>
    /// <exception cref="GuestException">The kernel is not Debian's, its headers are gone from the mirror, or kbuild fails.</exception>
    public static string For(GuestKernel kernel, InstalledKernel installed)
    {
        var release = installed.Release ?? throw new GuestException(
            "The test module needs the headers of a kernel of Debian's: unset VMIPL_GUEST_KERNEL.");
        var folder = GuestCache.Once($"module/{AgentBuild.KeyOf("module/")}-{kernel.Name}-{release}", target =>
        {
            var root = Directory.CreateDirectory(Path.Combine(target, "root")).FullName;
            var headers = Unpack(kernel, release, root);
            var source = Directory.CreateDirectory(Path.Combine(target, "source")).FullName;
            AgentBuild.WriteSources("module/", source);
            var compiler = Environment.GetEnvironmentVariable("CC") is { Length: > 0 } cc ? cc : "gcc";
            if (!Command.TryRun("make", ["-C", headers, $"M={source}", $"CC={compiler}", "modules"], out var output, out var error))
                throw new GuestException($"make cannot build the test module (Debian: make, gcc): {output}{error}");
            File.Move(Path.Combine(source, Name + ".ko"), Path.Combine(target, Name + ".ko"));
            Directory.Delete(root, recursive: true);
        });
        return Path.Combine(folder, Name + ".ko");
    }

    private static string Unpack(GuestKernel kernel, string release, string root)
    {
        var suites = kernel.Suites.Where((suite, i) => i == 0 || DebianMirror.Knows(suite)).ToArray();
        var packages = DebianPackages.Fetch(suites, kernel.Architecture, $"linux-headers-{release}", HeaderPart(), root);
        // The build system's own programs run here, so they must be this host's.
        var tools = packages.Single(name => name.StartsWith("linux-kbuild-", StringComparison.Ordinal));
        if (kernel.Architecture != GuestArchitecture.Amd64)
            DebianPackages.Fetch(suites, GuestArchitecture.Amd64, tools, HeaderPart(), root);
        var headers = Path.Combine(root, "usr/src", $"linux-headers-{release}");
        var makefile = Path.Combine(headers, "Makefile");
        File.WriteAllText(makefile, File.ReadAllText(makefile).Replace("/usr/src/", $"{root}/usr/src/", StringComparison.Ordinal));
        // Types for the module would need pahole; without the kernel's own they are left out.
        File.Delete(Path.Combine(headers, "vmlinux"));
        return headers;
    }

    [GeneratedRegex(@"\blinux-(headers|kbuild)-\d[^\s,(|]*")]
    private static partial Regex HeaderPart();
}
