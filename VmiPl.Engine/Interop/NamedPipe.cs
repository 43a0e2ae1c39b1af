using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>The read end of a FIFO (man 7 fifo): another process writes into it. Reading never waits; <see cref="Wait"/> does.</summary>
internal sealed unsafe class NamedPipe : IDisposable
{
    private const int OwnerOnly = 0x180;   // 0600
    private const int SetPipeSize = 1031;  // F_SETPIPE_SZ, linux/fcntl.h
    private const int GetPipeSize = 1032, BytesReadable = 0x541B;   // F_GETPIPE_SZ; FIONREAD, asm-generic/ioctls.h
    private const int LargeBytes = 16 << 20, UsualBytes = 1 << 20;
    private readonly SafeFileHandle _file;

    private NamedPipe(SafeFileHandle file) => _file = file;

    /// <summary>Makes a FIFO of mode 0600 and opens it to read, so that a writer's own opening does not wait. It holds as many bytes as this user
    /// may have: 1 MiB (fs.pipe-max-size), with CAP_SYS_RESOURCE 16. Throws <see cref="IOException"/>.</summary>
    public static NamedPipe Create(string path)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(path + "\0"))
        {
            if (LibC.mkfifo(name, OwnerOnly) != 0)
                throw new IOException(Errno.Text(LibC.errno));
        }
        SafeFileHandle file = NativeFile.TryOpen(path, writable: false, out int error) ?? throw new IOException(Errno.Text(error));
        int fd = (int)file.DangerousGetHandle();
        // The usual 64 KiB do as well where neither is allowed.
        _ = LibC.fcntl(fd, SetPipeSize, LargeBytes) >= 0 || LibC.fcntl(fd, SetPipeSize, UsualBytes) >= 0;
        return new NamedPipe(file);
    }

    /// <summary>Which file it is.</summary>
    public FileFacts Facts => NativeFile.TryGetFacts(_file, out FileFacts facts) ? facts : default;

    /// <summary>Reads what is there: the number of bytes; 0 where there is no writer (any more) and nothing is left; -1 where nothing is there yet.</summary>
    public int Read(Span<byte> buffer)
    {
        fixed (byte* to = buffer)
        {
            long got = (long)LibC.read((int)_file.DangerousGetHandle(), to, (size_t)buffer.Length);
            return got >= 0 ? (int)got : LibC.errno == LibC.EAGAIN || LibC.errno == LibC.EINTR ? -1 : 0;
        }
    }

    /// <summary>Whether so much lies in it that the writer may have found no room.</summary>
    public bool IsNearlyFull
    {
        get
        {
            int fd = (int)_file.DangerousGetHandle(), bytes = 0;
            // Small writes fill its pages but for their ends.
            return LibC.ioctl(fd, BytesReadable, &bytes) == 0 && bytes > LibC.fcntl(fd, GetPipeSize) / 2;
        }
    }

    /// <summary>Whether it has had a writer that is gone; what that wrote may still lie in it.</summary>
    public bool HasLostWriter => (Poll(events: 0, milliseconds: 0) & LibC.POLLHUP) != 0;

    /// <summary>Waits until something can be read or the writer is gone, at most <paramref name="milliseconds"/>.</summary>
    public void Wait(int milliseconds) => Poll(LibC.POLLIN, milliseconds);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private int Poll(int events, int milliseconds)
    {
        pollfd one = new() { fd = (int)_file.DangerousGetHandle(), events = (short)events };
        return LibC.poll(&one, 1, milliseconds) > 0 ? one.revents : 0;
    }
}
