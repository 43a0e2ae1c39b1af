using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using VmiPl.Errors;
using VmiPl.Interop;

namespace VmiPl.Machines.Dump;

/// <summary>An open dump file, read by position. It is read and never mapped: a file cut short under a mapping would kill
/// the process (SIGBUS). Safe from several threads.</summary>
internal sealed class DumpInput : IDisposable
{
    private readonly SafeFileHandle _file;

    private DumpInput(SafeFileHandle file, string path)
    {
        _file = file;
        Path = path;
        Length = RandomAccess.GetLength(file);
    }

    public string Path { get; }

    /// <summary>The file's length in bytes when it was opened.</summary>
    public long Length { get; }

    /// <summary>Opens a regular file. Throws <c>MachineNotFound</c>, <c>AccessDenied</c>, <c>DumpInvalid</c> or <c>FileFailure</c>.</summary>
    public static DumpInput Open(string path)
    {
        if (path.Contains('\0', StringComparison.Ordinal))
            throw new VmiException(VmiErrorCode.InvalidArgument, "A file name cannot hold a NUL.", path);
        SafeFileHandle? file = NativeFile.TryOpenRegular(path, out int error);
        if (file is null && error == 0)
            throw new VmiException(VmiErrorCode.DumpInvalid, $"'{path}' is not a regular file.", path);
        if (file is null)
            throw Failure(path, error);
        try
        {
            return new DumpInput(file, path);
        }
        catch (Exception e) when (e is IOException or NotSupportedException)
        {
            file.Dispose();
            throw new VmiException(VmiErrorCode.FileFailure, $"Can't read dump file '{path}': {e.Message}", path, e);
        }
    }

    /// <summary>Reads as many bytes as the file has from a position on. Throws <c>MachineLost</c> where the file was
    /// closed, <c>FileFailure</c> where the disk fails.</summary>
    public int Read(long offset, Span<byte> buffer)
    {
        int done = 0;
        try
        {
            while (done < buffer.Length && offset <= long.MaxValue - buffer.Length)
            {
                int got = RandomAccess.Read(_file, buffer[done..], offset + done);
                if (got <= 0)
                    break;
                done += got;
            }
        }
        catch (ObjectDisposedException e)
        {
            throw new VmiException(VmiErrorCode.MachineLost, $"Dump file '{Path}' was closed.", Path, e);
        }
        catch (IOException e)
        {
            throw new VmiException(VmiErrorCode.FileFailure, $"Can't read dump file '{Path}': {e.Message}", Path, e);
        }
        return done;
    }

    /// <summary>Reads exactly the whole buffer, or throws <c>DumpInvalid</c> saying what was cut.</summary>
    public void ReadHeader(long offset, Span<byte> buffer, string what)
    {
        if (Read(offset, buffer) < buffer.Length)
            throw Invalid($"{what} lies beyond the end of the file");
    }

    /// <summary>The part of a run of file bytes that the file really has: 0 where it begins behind the end.</summary>
    public ulong Clip(ulong offset, ulong length) =>
        offset >= (ulong)Length ? 0 : Math.Min(length, (ulong)Length - offset);

    /// <summary>An error about this file's content.</summary>
    public VmiException Invalid(string why) => new(VmiErrorCode.DumpInvalid, $"Dump file '{Path}' is damaged or no dump: {why}.", Path);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static VmiException Failure(string path, int error)
    {
        (VmiErrorCode code, string why) = error switch
        {
            _ when error == LibC.ENOENT || error == LibC.ENOTDIR => (VmiErrorCode.MachineNotFound, "there is no such file"),
            _ when error == LibC.EACCES || error == LibC.EPERM => (VmiErrorCode.AccessDenied, "this user may not read it"),
            _ => (VmiErrorCode.FileFailure, System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error)),
        };
        return new VmiException(code, $"Can't open dump file '{path}': {why}.", path);
    }
}
