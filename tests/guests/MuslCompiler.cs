using System.Text.RegularExpressions;

namespace VmiPl.TestGuests;

/// <summary>A C compiler for the musl C library, whose programs run on this host: this host's gcc with Debian's musl beside it, unpacked in the cache.</summary>
public static partial class MuslCompiler
{
    private const string Cached = "musl/bookworm";

    /// <summary>Its path, for <c>CC</c> (2 MB the first time).</summary>
    /// <exception cref="GuestException">It can't be had.</exception>
    public static string Find() => Path.Combine(GuestCache.Once(Cached, Fill), "cc");

    /// <summary>What is missing for it, in words; null where nothing is. Fetches nothing.</summary>
    public static string? Missing() =>
        Command.Find("gcc") is null ? "gcc"
        : Directory.Exists(Path.Combine(GuestCache.Root, Cached)) || (AptRoot.Keyring is not null && Command.Find("apt-get") is not null && DebianMirror.Knows("bookworm"))
            ? null : "Debian's packages of musl";

    private static void Fill(string target)
    {
        DebianPackages.Fetch(["bookworm"], GuestArchitecture.Amd64, "musl-dev", Parts(), Path.Combine(target, "root"));
        var kernel = Directory.CreateDirectory(Path.Combine(target, "kernel")).FullName;
        foreach (var name in (ReadOnlySpan<string>)["linux", "asm", "asm-generic"])
            Directory.CreateSymbolicLink(Path.Combine(kernel, name), Headers(name));
        // Where it will lie: the paths in there are whole ones.
        var root = Path.Combine(GuestCache.Root, Cached, "root");
        var libraries = $"{root}/usr/lib/x86_64-linux-musl";
        File.WriteAllText(Path.Combine(target, "specs"), $$"""
            *cpp_options:
            -nostdinc -isystem {{root}}/usr/include/x86_64-linux-musl -isystem include%s -isystem {{root}}/../kernel

            *cc1:
            %(cc1_cpu) -nostdinc -isystem {{root}}/usr/include/x86_64-linux-musl -isystem include%s -isystem {{root}}/../kernel

            *link_libgcc:
            -L{{root}}/lib/x86_64-linux-musl -L{{libraries}} -L .%s

            *libgcc:
            libgcc.a%s %:if-exists(libgcc_eh.a%s)

            *startfile:
            %{!shared: {{libraries}}/Scrt1.o} {{libraries}}/crti.o crtbeginS.o%s

            *endfile:
            crtendS.o%s {{libraries}}/crtn.o

            *link:
            -dynamic-linker {{root}}/lib/x86_64-linux-musl/libc.so -nostdlib %{shared:-shared} %{static:-static} %{rdynamic:-export-dynamic}


            """);
        var compiler = Path.Combine(target, "cc");
        File.WriteAllText(compiler, $"#!/bin/sh\nexec gcc \"$@\" -specs '{Path.Combine(GuestCache.Root, Cached, "specs")}'\n");
        File.SetUnixFileMode(compiler, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    // Debian has those of the architecture in a folder of its own.
    private static string Headers(string name) =>
        new[] { $"/usr/include/x86_64-linux-gnu/{name}", $"/usr/include/{name}" }.FirstOrDefault(Directory.Exists)
            ?? throw new GuestException($"The kernel's headers ({name}) are not installed.");

    [GeneratedRegex(@"\bmusl(-dev)?(?![\w-])")]
    private static partial Regex Parts();
}
