using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>Opens a file for reading only if it is a regular one: a name may lead to a FIFO, which .NET would wait for.</summary>
internal static unsafe class RegularFile
{
    private const int FileTypeMask = 0xF000, Regular = 0x8000;   // man 7 inode

    /// <summary>The open file; null with the error number where it can't be opened, or with error 0 where it is something
    /// else than a regular file.</summary>
    public static SafeFileHandle? TryOpen(string path, out int error)
    {
        byte[] name = new byte[Encoding.UTF8.GetByteCount(path) + 1];
        Encoding.UTF8.GetBytes(path, name);
        int fd;
        fixed (byte* p = name)
            fd = LibC.open(p, LibC.O_RDONLY | LibC.O_NONBLOCK | LibC.O_CLOEXEC | LibC.O_NOCTTY, default);
        error = fd < 0 ? LibC.errno : 0;
        if (fd < 0)
            return null;
        var file = new SafeFileHandle(fd, ownsHandle: true);
        byte none = 0;
        statx facts;
        if (LibC.statx(fd, &none, LibC.AT_EMPTY_PATH, LibC.STATX_TYPE, &facts) == 0 && (facts.stx_mode & FileTypeMask) == Regular)
            return file;
        file.Dispose();
        return null;
    }
}
