namespace VmiPl.TestGuests;

/// <summary>A kernel that lies on this host, ready to boot.</summary>
/// <param name="Image">Path of the <c>vmlinuz</c>.</param>
/// <param name="Modules">The folder with its modules; null if everything that the guest needs is built in.</param>
/// <param name="Architecture">What it is compiled for.</param>
public sealed record InstalledKernel(string Image, string? Modules, GuestArchitecture Architecture)
{
    /// <summary>Its release (<c>uname -r</c>) as Debian's package name has it; null for a kernel that came from elsewhere.</summary>
    public string? Release { get; init; }
}
