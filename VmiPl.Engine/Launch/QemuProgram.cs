using VmiPl.Errors;
using VmiPl.Machines.Processes;

namespace VmiPl.Launch;

/// <summary>Where a QEMU system emulator is on this host.</summary>
public static class QemuProgram
{
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    // Debian, Fedora and QEMU itself; then what Red Hat's distributions have in its place.
    private static readonly string[] Usual = ["qemu-system-x86_64", "qemu-kvm"];

    /// <summary>The names of the system emulators that a shell or this module would find, each once, in order.</summary>
    public static IReadOnlyList<string> Installed => [.. Folders
        .SelectMany(folder => Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*") : [])
        .Where(path => QemuLooks.IsQemuName(path) && IsExecutable(path)).Select(path => Path.GetFileName(path)).Distinct().Order(StringComparer.Ordinal)];

    // Where Red Hat's distributions keep qemu-kvm, off the PATH.
    private static IEnumerable<string> Folders =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Where(folder => folder.StartsWith('/')).Append("/usr/libexec");

    /// <summary>The path of a program: <paramref name="name"/> itself where it has a slash (relative to <paramref name="folder"/>),
    /// else the one of that name; of the usual names where it is null. Throws <c>QemuUnavailable</c>.</summary>
    public static string Find(string? name, string folder)
    {
        if (name?.Contains('/', StringComparison.Ordinal) == true)
            return Named(Path.GetFullPath(name, folder));
        string[] names = name is null ? Usual : [name];
        return names.SelectMany(one => Folders.Select(place => Path.Combine(place, one))).FirstOrDefault(IsExecutable)
            ?? throw new VmiException(VmiErrorCode.QemuUnavailable,
                $"No '{string.Join("' or '", names)}' was found on the PATH or in /usr/libexec.", names[0]);
    }

    private static string Named(string path) =>
        IsExecutable(path) ? path : throw new VmiException(VmiErrorCode.QemuUnavailable,
            File.Exists(path) ? $"'{path}' is not executable." : $"There is no program '{path}'.", path);

    private static bool IsExecutable(string path)
    {
        try
        {
            return File.Exists(path) && (File.GetUnixFileMode(path) & Executable) != 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
