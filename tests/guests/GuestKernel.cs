namespace VmiPl.TestGuests;

/// <summary>A kernel by what it is, not by its version number: Debian's newest of a suite and flavour.</summary>
/// <param name="Name">Short name for people, test names and folders.</param>
/// <param name="Package">The meta-package that depends on the newest image.</param>
/// <param name="Suites">Debian suites to look in; those ending in <c>-security</c> come from the security archive.</param>
/// <param name="Architecture">What it is compiled for.</param>
public sealed record GuestKernel(string Name, string Package, GuestArchitecture Architecture, params IReadOnlyList<string> Suites)
{
    /// <summary>Debian 12's kernel, 64-bit.</summary>
    public static GuestKernel Amd64_6_1 { get; } =
        new("6.1-amd64", "linux-image-amd64", GuestArchitecture.Amd64, "bookworm", "bookworm-security");

    /// <summary>The 6.12 kernel of Debian 12's backports, 64-bit.</summary>
    public static GuestKernel Amd64_6_12 { get; } =
        new("6.12-amd64", "linux-image-amd64", GuestArchitecture.Amd64, "bookworm-backports");

    /// <summary>Debian 12's 32-bit kernel with two-level page tables; no BTF, no data symbols.</summary>
    public static GuestKernel I386 { get; } =
        new("6.1-i386", "linux-image-686", GuestArchitecture.I386, "bookworm", "bookworm-security");

    /// <summary>Debian 12's 32-bit kernel with PAE page tables; no BTF, no data symbols.</summary>
    public static GuestKernel I386Pae { get; } =
        new("6.1-i386-pae", "linux-image-686-pae", GuestArchitecture.I386, "bookworm", "bookworm-security");

    /// <summary>Debian 12's kernel for virtual machines.</summary>
    public static GuestKernel Cloud { get; } =
        new("6.1-cloud", "linux-image-cloud-amd64", GuestArchitecture.Amd64, "bookworm", "bookworm-security");

    /// <summary>Debian 12's real-time kernel.</summary>
    public static GuestKernel Realtime { get; } =
        new("6.1-rt", "linux-image-rt-amd64", GuestArchitecture.Amd64, "bookworm", "bookworm-security");

    /// <summary>Debian 13's kernel.</summary>
    public static GuestKernel Trixie { get; } =
        new("trixie-amd64", "linux-image-amd64", GuestArchitecture.Amd64, "trixie", "trixie-security");

    /// <summary>Debian 13's real-time kernel.</summary>
    public static GuestKernel TrixieRealtime { get; } =
        new("trixie-rt", "linux-image-rt-amd64", GuestArchitecture.Amd64, "trixie", "trixie-security");

    /// <summary>Debian's newest, from unstable.</summary>
    public static GuestKernel Sid { get; } =
        new("sid-amd64", "linux-image-amd64", GuestArchitecture.Amd64, "sid");

    /// <summary>All of the above.</summary>
    public static IReadOnlyList<GuestKernel> All { get; } =
        [Amd64_6_1, Amd64_6_12, I386, I386Pae, Cloud, Realtime, Trixie, TrixieRealtime, Sid];

    /// <summary>
    /// Finds the kernel on this host, fetching it into the cache the first time (some 80 MB, a minute). Where
    /// <c>VMIPL_GUEST_KERNEL</c> names a kernel image, that one serves for every 64-bit kernel, with the modules of the
    /// folder <c>VMIPL_GUEST_MODULES</c>.
    /// </summary>
    public InstalledKernel Install()
    {
        if (NamedKernel() is { } named && Architecture == GuestArchitecture.Amd64)
            return named;
        var folder = GuestCache.Once(Folder, target => DebianPackages.FetchKernel(this, target));
        var modules = Path.Combine(folder, "modules");
        const string Image = "linux-image-";
        return new InstalledKernel(Path.Combine(folder, "vmlinuz"), Directory.Exists(modules) ? modules : null, Architecture)
        {
            Release = File.ReadLines(Path.Combine(folder, "packages"))
                .FirstOrDefault(line => line.StartsWith(Image, StringComparison.Ordinal))?[Image.Length..],
        };
    }

    /// <summary>Whether it lies in the cache already.</summary>
    public bool IsInstalled => Directory.Exists(Path.Combine(GuestCache.Root, Folder));

    private string Folder => $"kernels/{Name}-{DebianPackages.Selection}";

    internal static InstalledKernel? NamedKernel() =>
        Environment.GetEnvironmentVariable("VMIPL_GUEST_KERNEL") is { Length: > 0 } image
            ? new InstalledKernel(image, Environment.GetEnvironmentVariable("VMIPL_GUEST_MODULES"), GuestArchitecture.Amd64)
            : null;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
