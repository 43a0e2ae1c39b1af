using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>Another process's open file, shared with it as by <c>dup</c>: flags and position too (man 2 pidfd_getfd, Linux 5.6; the kernel asks for
/// the right to trace that process).</summary>
internal static unsafe class BorrowedDescriptor
{
    private const int PidfdOpen = 434, PidfdGetfd = 438;   // asm-generic/unistd.h

    /// <summary>Takes a file of that process. Null with the error number.</summary>
    public static SafeFileHandle? TryTake(int processId, int number, out int error)
    {
        error = 0;
        long process = (long)LibC.syscall(PidfdOpen, processId, 0);
        if (process < 0)
        {
            error = LibC.errno;
            return null;
        }
        using var held = new SafeFileHandle((nint)process, ownsHandle: true);
        long fd = (long)LibC.syscall(PidfdGetfd, (int)process, number, 0);
        if (fd >= 0)
            return new SafeFileHandle((nint)fd, ownsHandle: true);
        error = LibC.errno;
        return null;
    }

    /// <summary>Makes that process's writes to the file fail with EAGAIN where they would wait. False with the error number.</summary>
    public static bool TryMakeNonBlocking(int processId, int number, out int error)
    {
        using SafeFileHandle? file = TryTake(processId, number, out error);
        if (file is null)
            return false;
        int fd = (int)file.DangerousGetHandle();
        int flags = LibC.fcntl(fd, LibC.F_GETFL);
        if (flags >= 0 && LibC.fcntl(fd, LibC.F_SETFL, flags | LibC.O_NONBLOCK) == 0)
            return true;
        error = LibC.errno;
        return false;
    }
}
