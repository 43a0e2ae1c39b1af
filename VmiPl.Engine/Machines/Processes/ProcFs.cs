using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using VmiPl.Interop;

namespace VmiPl.Machines.Processes;

/// <summary>Files under <c>/proc</c> (man 5 proc). Nothing here throws: a process may be gone or another user's at any moment,
/// and the error number tells which.</summary>
internal static class ProcFs
{
    /// <summary>No file of interest is larger; the maps of a QEMU with thousands of mappings have a few hundred KiB.</summary>
    private const int MaxBytes = 16 * 1024 * 1024;

    /// <summary>Ids of the processes that can be seen from here, in ascending order.</summary>
    public static List<int> ProcessIds()
    {
        var ids = new List<int>();
        foreach (string path in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                ids.Add(id);
        }
        ids.Sort();
        return ids;
    }

    /// <summary>A whole file of a process as bytes, or null with the error number.</summary>
    public static byte[]? Read(int processId, string name, out int error)
    {
        using SafeFileHandle? file = NativeFile.TryOpen(PathOf(processId, name), writable: false, out error);
        return file is null ? null : ReadAll(file);
    }

    /// <summary>A whole file of a process as text, or null with the error number.</summary>
    public static string? ReadText(int processId, string name, out int error) =>
        Read(processId, name, out error) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    /// <summary>The arguments of a process, or an empty list where it is gone, a zombie or the kernel's own.</summary>
    public static IReadOnlyList<string> Arguments(int processId)
    {
        byte[] bytes = Read(processId, "cmdline", out _) ?? [];
        return bytes.Length == 0 ? [] : Encoding.UTF8.GetString(bytes).TrimEnd('\0').Split('\0');
    }

    /// <summary>Where a link of a process points, or null with the error number.</summary>
    public static string? Link(int processId, string name, out int error) => NativeFile.ReadLink(PathOf(processId, name), out error);

    /// <summary>The user that a process works as; null where it is gone.</summary>
    public static uint? UserId(int processId)
    {
        // Not the owner of /proc/PID: that is root where the process has changed its user after its start.
        const string Label = "\nUid:\t";   // real, effective, saved and file system's
        string text = ReadText(processId, "status", out _) ?? "";
        int start = text.IndexOf(Label, StringComparison.Ordinal);
        string[] ids = start < 0 ? [] : text[(start + Label.Length)..].Split('\n')[0].Split('\t');
        return ids.Length == 4 && uint.TryParse(ids[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint id) ? id : null;
    }

    /// <summary>The open files of a process: number and what it is. Empty where they can't be seen.</summary>
    public static IEnumerable<(int Number, string Target)> OpenFiles(int processId)
    {
        string[] names;
        try
        {
            names = Directory.GetFileSystemEntries(PathOf(processId, "fd"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            yield break;
        }
        foreach (string name in names)
        {
            if (int.TryParse(Path.GetFileName(name), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                && NativeFile.ReadLink(name, out _) is { } target)
                yield return (number, target);
        }
    }

    /// <summary>Its threads' ids; none where it has ended.</summary>
    public static IReadOnlyList<int> Threads(int processId)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(PathOf(processId, "task")).Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The path of a process's own file.</summary>
    public static string PathOf(int processId, string name) => string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/{name}");

    /// <summary>A path that a process was given, as it can be opened from here: relative ones from its working directory, absolute
    /// ones from its root where that is another one (a container, a chroot).</summary>
    public static string PathSeenFromHere(int processId, string path)
    {
        if (!path.StartsWith('/'))
        {
            string here = PathOf(processId, "cwd/" + path);
            // A daemon has gone to "/" since; the shell that started it left the folder in its environment.
            if (Path.Exists(here) || StartFolder(processId) is not { } folder)
                return here;
            path = folder + "/" + path;
        }
        bool sameMounts = Link(processId, "ns/mnt", out _) is not { } theirs || theirs == NativeFile.ReadLink("/proc/self/ns/mnt", out _);
        bool sameRoot = Link(processId, "root", out _) is null or "/";
        return sameMounts && sameRoot ? path : PathOf(processId, "root" + path);
    }

    private static string? StartFolder(int processId)
    {
        const string Key = "PWD=/";
        string[] variables = ReadText(processId, "environ", out _)?.Split('\0') ?? [];
        return variables.FirstOrDefault(v => v.StartsWith(Key, StringComparison.Ordinal))?[(Key.Length - 1)..];
    }

    /// <summary>Reads from the start of an open file on; null where that fails.</summary>
    internal static byte[]? ReadAll(SafeFileHandle file)
    {
        byte[] buffer = new byte[4096];
        int length = 0;
        try
        {
            while (length < MaxBytes)
            {
                if (length == buffer.Length)
                    Array.Resize(ref buffer, buffer.Length * 4);
                int got = RandomAccess.Read(file, buffer.AsSpan(length), length);
                if (got == 0)
                    break;
                length += got;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;   // the process died between opening and reading
        }
        return buffer[..length];
    }
}
