using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using VmiPl.Interop;

namespace VmiPl.Machines.Processes;

/// <summary>Tells a QEMU system emulator by its program file, whatever the file is called: by the text that it prints for
/// <c>-version</c> (softmmu/vl.c, system/vl.c; seen in 7.2, 10.0 and 11.1; user-mode emulators, qemu-img and the storage
/// daemon have other texts) and by the name of its widest CPU model, which holds the emulated architecture. Files that
/// were looked into are remembered by device, inode, size and time of change.</summary>
internal sealed class QemuExecutable
{
    private const int BlockBytes = 1 << 20, MaxFiles = 4096;
    private static readonly byte[] Marker = "QEMU emulator version "u8.ToArray();
    private static readonly (byte[] Text, string Name)[] Architectures =
    [
        ("\0max-x86_64-cpu\0"u8.ToArray(), "x86_64"), ("\0max-i386-cpu\0"u8.ToArray(), "i386"),
    ];
    private static readonly ConcurrentDictionary<FileFacts, QemuExecutable> Seen = new();
    private static readonly QemuExecutable Other = new(isQemu: false, null);

    private QemuExecutable(bool isQemu, string? architecture)
    {
        IsQemu = isQemu;
        Architecture = architecture;
    }

    /// <summary>Whether it is a QEMU system emulator.</summary>
    public bool IsQemu { get; }

    /// <summary>The emulated architecture; null where the file does not tell.</summary>
    public string? Architecture { get; }

    /// <summary>Looks into the program of a process; null with the error number where it can't be read.</summary>
    public static QemuExecutable? Of(int processId, out int error)
    {
        using SafeFileHandle? file = NativeFile.TryOpen(ProcFs.PathOf(processId, "exe"), writable: false, out error);
        if (file is null || !NativeFile.TryGetFacts(file, out FileFacts facts))
            return null;
        if (Seen.TryGetValue(facts, out QemuExecutable? known))
            return known;
        if (Seen.Count >= MaxFiles)
            Seen.Clear();
        return Seen[facts] = Inspect(file);
    }

    private static QemuExecutable Inspect(SafeFileHandle file)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(BlockBytes);
        bool marked = false;
        string? architecture = null;
        long offset = 0;
        try
        {
            while (!marked || architecture is null)
            {
                int got = RandomAccess.Read(file, buffer, offset);
                ReadOnlySpan<byte> block = buffer.AsSpan(0, got);
                marked |= block.IndexOf(Marker) >= 0;
                foreach ((byte[] text, string name) in Architectures)
                    architecture ??= block.IndexOf(text) >= 0 ? name : null;
                if (got < buffer.Length)
                    break;
                offset += got - Marker.Length;   // a text may lie across two blocks
            }
        }
        catch (IOException)
        {
            return Other;
        }
        return marked ? new QemuExecutable(isQemu: true, architecture) : Other;
    }
}
