using System.Globalization;
using Microsoft.Win32.SafeHandles;
using VmiPl.Interop;
using VmiPl.Machines.Processes;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Opens the very file that a process has mapped, by whichever of its names this user may use: the mapping itself, one
/// of the process's open files, its path. Device and inode must be those of the mapping.</summary>
internal static class SharedFile
{
    /// <summary>The file of a mapping, or null with the error number of the last try.</summary>
    public static SafeFileHandle? TryOpen(int processId, ProcessMapping mapping, IReadOnlyList<ProcessMapping> all, bool writable, out int error)
    {
        error = 0;
        foreach (string path in Names(processId, mapping, all))
        {
            // Look before opening: an unknown file may be a device that does something when it is opened.
            if (!NativeFile.TryGetFacts(path, out FileFacts facts) || !IsFileOf(facts, mapping))
                continue;
            SafeFileHandle? file = NativeFile.TryOpen(path, writable, out error);
            if (file is not null && NativeFile.TryGetFacts(file, out facts) && IsFileOf(facts, mapping))
                return file;
            file?.Dispose();
        }
        return null;
    }

    private static bool IsFileOf(FileFacts facts, ProcessMapping mapping) =>
        facts.IsRegular && facts.Inode == mapping.Inode
        && facts.DeviceMajor == mapping.DeviceMajor && facts.DeviceMinor == mapping.DeviceMinor
        && facts.Size >= mapping.Offset + mapping.Length;

    private static IEnumerable<string> Names(int processId, ProcessMapping mapping, IReadOnlyList<ProcessMapping> all)
    {
        // The kernel names the pieces as they are, not joined.
        foreach (ProcessMapping piece in all.Where(m => m.Start == mapping.Start))
            yield return ProcFs.PathOf(processId, string.Create(CultureInfo.InvariantCulture, $"map_files/{piece.Start:x}-{piece.End:x}"));
        foreach ((int number, string target) in ProcFs.OpenFiles(processId))
        {
            if (target.StartsWith('/'))
                yield return ProcFs.PathOf(processId, string.Create(CultureInfo.InvariantCulture, $"fd/{number}"));
        }
        if (mapping.Path.StartsWith('/'))
            yield return ProcFs.PathSeenFromHere(processId, mapping.Path);
    }
}
