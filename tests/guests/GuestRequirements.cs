using System.Runtime.InteropServices;

namespace VmiPl.TestGuests;

/// <summary>What this host lacks for making test guests.</summary>
public static class GuestRequirements
{
    /// <summary>What is missing, in words, with Debian's package name; empty if guests can be made. Fetches nothing: a
    /// mirror that cannot be reached shows only when a kernel is asked for.</summary>
    /// <param name="kernel">The kernel that is wanted; Debian 12's where none is named.</param>
    /// <param name="testModule">Whether the guest's test module is to be built as well.</param>
    public static IReadOnlyList<string> Missing(GuestKernel? kernel = null, bool testModule = false)
    {
        kernel ??= GuestKernel.Amd64_6_1;
        var missing = new List<string>();
        if (RuntimeInformation.OSArchitecture != Architecture.X64)
            missing.Add("an x86-64 host: the guest's programs are compiled with its gcc");
        Need(Environment.GetEnvironmentVariable("VMIPL_QEMU") is { Length: > 0 } qemu ? qemu : "qemu-system-x86_64", "qemu-system-x86");
        Need(Environment.GetEnvironmentVariable("CC") is { Length: > 0 } compiler ? compiler : "gcc", "gcc");
        if (testModule)
            Need("make", "make");
        if (!File.Exists("/usr/include/stdio.h"))
            missing.Add("the C library's headers (Debian: libc6-dev)");
        if (kernel.Architecture == GuestArchitecture.Amd64 && GuestKernel.NamedKernel() is { } named)
        {
            if (!File.Exists(named.Image))
                missing.Add($"the kernel {named.Image} that VMIPL_GUEST_KERNEL names");
        }
        else if (!kernel.IsInstalled)
        {
            var before = missing.Count;
            Need("apt-get", "apt");
            Need("dpkg-deb", "dpkg");
            Need("xz", "xz-utils");
            if (before == missing.Count && AptRoot.Keyring is null)
                missing.Add("Debian's archive keys (Debian: debian-archive-keyring)");
            if (before == missing.Count && !DebianMirror.Knows(kernel.Suites[0]))
                missing.Add("a Debian archive in apt's sources, or its address in VMIPL_DEBIAN_MIRROR");
            if (before != missing.Count)
                missing.Add("or, instead of fetching a kernel: its path in VMIPL_GUEST_KERNEL and its modules' folder in VMIPL_GUEST_MODULES");
        }
        return missing;

        void Need(string program, string package)
        {
            if (Command.Find(program) is null)
                missing.Add($"{program} (Debian: {package})");
        }
    }
}
