using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using VmiPl.Errors;

namespace VmiPl.Interop;

/// <summary>A sign between threads that a wait on a socket notices, too (man 2 eventfd). Safe from any thread.</summary>
internal sealed unsafe class EventSignal : IDisposable
{
    /// <summary>Makes a signal that is not given. Throws <c>LimitExceeded</c> where no file descriptor is to be had.</summary>
    public EventSignal()
    {
        int fd = LibC.eventfd(0, LibC.EFD_CLOEXEC | LibC.EFD_NONBLOCK);
        if (fd < 0)
            throw new VmiException(VmiErrorCode.LimitExceeded, $"No file descriptor for a signal: {Errno.Text(LibC.errno)}.");
        Handle = new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>Takes over a signal of another process. Reading from it is not to wait, and the other process, which shares that setting, can make
    /// it do so: whoever waits for a thread that takes signals back sets itself a time.</summary>
    public EventSignal(SafeFileHandle received)
    {
        Handle = received;
        int fd = (int)received.DangerousGetHandle();
        _ = LibC.fcntl(fd, LibC.F_SETFL, LibC.fcntl(fd, LibC.F_GETFL) | LibC.O_NONBLOCK);
    }

    internal SafeFileHandle Handle { get; }

    /// <summary>Gives the signal.</summary>
    public void Set()
    {
        ulong one = 1;
        LibC.write((int)Handle.DangerousGetHandle(), &one, sizeof(ulong));
    }

    /// <summary>Takes the signal back.</summary>
    public void Reset()
    {
        ulong count;
        LibC.read((int)Handle.DangerousGetHandle(), &count, sizeof(ulong));
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
