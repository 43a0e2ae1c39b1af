namespace VmiPl.TestGuests;

/// <summary>Brings the kernel's headers for programs (<c>linux-libc-dev</c>) without installing them.</summary>
public static class KernelHeaders
{
    /// <summary>Puts <c>unistd_64.h</c> and <c>unistd_32.h</c> of x86 into a folder; gives the package's version.</summary>
    /// <param name="suite">Debian's suite: <c>sid</c> has the newest.</param>
    /// <param name="target">The folder, which exists.</param>
    public static string Fetch(string suite, string target)
    {
        const string Package = "linux-libc-dev";
        var work = Directory.CreateTempSubdirectory("vmipl-headers-").FullName;
        try
        {
            using (FileLock.Take(Path.Combine(GuestCache.Folder("apt"), "lock")))
            {
                var apt = new AptRoot([suite], GuestArchitecture.Amd64);
                apt.Update(out var error);
                var version = apt.Show(Package)?["Version"] ?? throw new GuestException($"No package {Package} in {suite}: {error.Trim()}");
                Command.Run("dpkg-deb", "-x", apt.Download(Package, work), Path.Combine(work, "root"));
                foreach (var name in (ReadOnlySpan<string>)["unistd_64.h", "unistd_32.h"])
                    File.Copy(Find(Path.Combine(work, "root"), name), Path.Combine(target, name), overwrite: true);
                return version;
            }
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    // Newer packages hold the headers of every architecture, older ones of their own.
    private static string Find(string root, string name) =>
        Directory.EnumerateFiles(root, name, SearchOption.AllDirectories)
            .FirstOrDefault(path => path.Contains("/x86/", StringComparison.Ordinal) || path.Contains("/x86_64-linux-gnu/", StringComparison.Ordinal))
        ?? throw new GuestException($"The kernel's headers hold no {name} for x86.");
}
