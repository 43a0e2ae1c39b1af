using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Machines.Dump;

/// <summary>Saves a machine's memory as an ELF64 core in the manner of QEMU's <c>dump-guest-memory</c>: readable by this
/// module, crash, drgn and gdb.</summary>
public static class CoreWriter
{
    private const ulong LongModeActive = 1 << 10;   // EFER.LMA

    /// <summary>Writes all of the machine's memory to a file. The machine is not paused: pause it first for a core of one
    /// moment. The file (mode 0600) grows under another name beside the target and takes its name, and the place of what
    /// stood there, only when it is whole; on any failure it is removed. Runs of zeros are left as holes.
    /// <para><paramref name="registers"/> may be empty. <paramref name="progress"/> gets the part done, 0 to 1.</para>
    /// <para>Throws <c>FileFailure</c> (disk full too), <c>AccessDenied</c>, what the memory throws, and
    /// <see cref="OperationCanceledException"/>.</para></summary>
    public static SaveResult Write(VmiMachine machine, string path, IReadOnlyList<VcpuRegisters>? registers = null, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(machine);
        registers ??= [];
        bool longMode = registers.Count > 0 ? (registers[0].Efer & LongModeActive) != 0 : machine.Architecture != "i386";
        return Write(machine.GetMemory(), path, registers, longMode, progress, cancellation);
    }

    internal static SaveResult Write(IGuestMemory memory, string path, IReadOnlyList<VcpuRegisters> registers, bool longMode, IProgress<double>? progress, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string target = Path.GetFullPath(path);
        string partial = Path.Combine(Path.GetDirectoryName(target) ?? "/", $".{Path.GetRandomFileName()}.partial");
        bool created = false;
        try
        {
            var layout = new CoreLayout(memory.Ranges, registers, longMode);
            ulong unreadable;
            using (FileStream file = Create(partial))
            {
                created = true;
                RandomAccess.SetLength(file.SafeFileHandle, layout.FileBytes);
                RandomAccess.Write(file.SafeFileHandle, layout.Head, 0);
                unreadable = new MemoryCopy(memory, file.SafeFileHandle, progress, cancellation).Run(layout.DataOffset);
            }
            cancellation.ThrowIfCancellationRequested();
            File.Move(partial, target, overwrite: true);
            created = false;
            return new SaveResult((ulong)layout.FileBytes, unreadable);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new VmiException(VmiErrorCode.AccessDenied, $"Can't write '{target}': {e.Message}", target, e);
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            throw new VmiException(VmiErrorCode.FileFailure, $"Can't write '{target}': {e.Message}", target, e);
        }
        finally
        {
            if (created)
                Remove(partial);
        }
    }

    private static FileStream Create(string path)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.None,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        return new FileStream(path, options);
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The error that led here is the one worth telling.
        }
    }
}
