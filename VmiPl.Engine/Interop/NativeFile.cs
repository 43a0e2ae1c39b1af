using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>Files where the error number, the inode or the seals matter, and .NET's own calls hide them.</summary>
internal static unsafe partial class NativeFile
{
    private const long TmpfsMagic = 0x01021994;   // linux/magic.h
    private const int LinkBytes = 4096 + 64;      // PATH_MAX and " (deleted)"
    private const int SeekData = 3;               // linux/fs.h
    private const int OwnerOnly = 0x180;          // 0600
    private const int FileTypeMask = 0xF000, RegularFile = 0x8000;
    private const int LockShared = 1, LockExclusive = 2, LockAtOnce = 4;   // sys/file.h: LOCK_SH, LOCK_EX, LOCK_NB

    /// <summary>Opens a file without ever waiting for it (a name may lead to a FIFO). Null with the error number where it
    /// can't be opened.</summary>
    public static SafeFileHandle? TryOpen(string path, bool writable, out int error)
    {
        int flags = (writable ? LibC.O_RDWR : LibC.O_RDONLY) | LibC.O_NONBLOCK | LibC.O_CLOEXEC | LibC.O_NOCTTY;
        int fd;
        fixed (byte* name = Terminated(path))
            fd = LibC.open(name, flags, default);
        error = fd < 0 ? LibC.errno : 0;
        return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>Opens a file to read and write, made with mode 0600 where it is not there, emptied where <paramref name="replace"/> says so; without
    /// ever waiting for it. Null with the error number where that can't be done.</summary>
    public static SafeFileHandle? TryOpenOrCreate(string path, bool replace, out int error)
    {
        int flags = LibC.O_RDWR | LibC.O_CREAT | LibC.O_NONBLOCK | LibC.O_CLOEXEC | LibC.O_NOCTTY | (replace ? LibC.O_TRUNC : 0);
        int fd;
        fixed (byte* name = Terminated(path))
            fd = LibC.open(name, flags, (mode_t)OwnerOnly);
        error = fd < 0 ? LibC.errno : 0;
        return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>Gives a file to another user. False with the error number.</summary>
    public static bool TryGiveTo(string path, uint user, uint group, out int error)
    {
        fixed (byte* name = Terminated(path))
            error = LibC.chown(name, user, group) == 0 ? 0 : LibC.errno;
        return error == 0;
    }

    /// <summary>Takes the lock on a file (man 2 flock), alone or <paramref name="shared"/>, for as long as it is open here or, handed on,
    /// in another process. False where somebody else's lock forbids it.</summary>
    public static bool TryLock(SafeFileHandle file, bool shared) =>
        flock((int)file.DangerousGetHandle(), (shared ? LockShared : LockExclusive) | LockAtOnce) == 0;

    /// <summary>Opens a file for reading if it is a regular one. Null with the error number where it can't be opened, or with
    /// error 0 where it is something else.</summary>
    public static SafeFileHandle? TryOpenRegular(string path, out int error)
    {
        SafeFileHandle? file = TryOpen(path, writable: false, out error);
        if (file is null || (TryGetFacts(file, out FileFacts facts) && facts.IsRegular))
            return file;
        file.Dispose();
        return null;
    }

    /// <summary>Which file that is, or false.</summary>
    public static bool TryGetFacts(SafeFileHandle file, out FileFacts facts)
    {
        byte none = 0;
        return TryGetFacts((int)file.DangerousGetHandle(), &none, LibC.AT_EMPTY_PATH, out facts);
    }

    /// <summary>Which file a path leads to, symbolic links followed, or false.</summary>
    public static bool TryGetFacts(string path, out FileFacts facts)
    {
        fixed (byte* name = Terminated(path))
            return TryGetFacts(LibC.AT_FDCWD, name, 0, out facts);
    }

    /// <summary>Where a symbolic link points, as it stands there; null with the error number where it can't be read.</summary>
    public static string? ReadLink(string path, out int error)
    {
        byte* buffer = stackalloc byte[LinkBytes];
        long length;
        fixed (byte* name = Terminated(path))
            length = (long)LibC.readlink(name, buffer, LinkBytes);
        error = length < 0 ? LibC.errno : 0;
        return length < 0 ? null : Encoding.UTF8.GetString(buffer, (int)length);
    }

    /// <summary>Reads at an offset; returns the bytes read, 0 where none can be or the file is closed.</summary>
    public static int Read(SafeFileHandle file, ulong offset, Span<byte> buffer)
    {
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            fixed (byte* to = buffer)
                return Math.Max(0, (int)LibC.pread((int)file.DangerousGetHandle(), to, (size_t)buffer.Length, (long)offset));
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
        finally
        {
            if (held)
                file.DangerousRelease();
        }
    }

    /// <summary>Writes at an offset; returns the bytes written, 0 where none can be or the file is closed.</summary>
    public static int Write(SafeFileHandle file, ulong offset, ReadOnlySpan<byte> bytes)
    {
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            fixed (byte* from = bytes)
                return Math.Max(0, (int)LibC.pwrite((int)file.DangerousGetHandle(), from, (size_t)bytes.Length, (long)offset));
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
        finally
        {
            if (held)
                file.DangerousRelease();
        }
    }

    /// <summary>Writes at the file's own position, which its other holders share; returns the bytes written, or -1 with the error number.</summary>
    public static int WriteOn(SafeFileHandle file, ReadOnlySpan<byte> bytes, out int error)
    {
        fixed (byte* from = bytes)
        {
            int written = (int)LibC.write((int)file.DangerousGetHandle(), from, (size_t)bytes.Length);
            error = written < 0 ? LibC.errno : 0;
            return written;
        }
    }

    /// <summary>Whether a mapping of the file stays readable whatever its other users do: it is in memory (a page of it can
    /// always be had, unlike one of hugetlbfs or a disk) and sealed against shrinking (man 2 fcntl, F_SEAL_SHRINK).</summary>
    public static bool IsSealedMemory(SafeFileHandle file)
    {
        int fd = (int)file.DangerousGetHandle();
        int seals = LibC.fcntl(fd, LibC.F_GET_SEALS);
        if (seals < 0 || (seals & LibC.F_SEAL_SHRINK) == 0)
            return false;
        // struct statfs begins with its type; 256 bytes hold the whole of it on every architecture.
        long* buffer = stackalloc long[32];
        return fstatfs(fd, buffer) == 0 && buffer[0] == TmpfsMagic;
    }

    /// <summary>The first offset from <paramref name="offset"/> on that holds data (man 2 lseek, SEEK_DATA);
    /// <see cref="ulong.MaxValue"/> where only a hole follows, and the offset itself where the file system can't tell.</summary>
    public static ulong NextData(SafeFileHandle file, ulong offset)
    {
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            long found = (long)LibC.lseek((int)file.DangerousGetHandle(), (long)offset, SeekData);
            return found >= 0 ? (ulong)found : LibC.errno == LibC.ENXIO ? ulong.MaxValue : offset;
        }
        catch (ObjectDisposedException)
        {
            return offset;
        }
        finally
        {
            if (held)
                file.DangerousRelease();
        }
    }

    private static bool TryGetFacts(int directory, byte* path, int flags, out FileFacts facts)
    {
        statx x;
        if (LibC.statx(directory, path, flags, LibC.STATX_BASIC_STATS, &x) != 0)
        {
            facts = default;
            return false;
        }
        long modified = x.stx_mtime.tv_sec * 1_000_000_000L + x.stx_mtime.tv_nsec;
        facts = new FileFacts(x.stx_dev_major, x.stx_dev_minor, x.stx_ino, x.stx_size, modified, (x.stx_mode & FileTypeMask) == RegularFile);
        return true;
    }

    private static byte[] Terminated(string path)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(path) + 1];
        Encoding.UTF8.GetBytes(path, bytes);
        return bytes;
    }

    // Not in Tmds.LibC.
    [LibraryImport("libc", SetLastError = true)]
    private static partial int fstatfs(int fd, long* buffer);

    [LibraryImport("libc")]
    private static partial int flock(int fd, int operation);
}
