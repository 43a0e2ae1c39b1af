using System.Runtime.InteropServices;
using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>Folders where owner and mode matter, and a symbolic link must not be followed.</summary>
internal static unsafe partial class NativeFolder
{
    private const int FileTypeMask = 0xF000, FolderType = 0x4000;
    private const int DoNotFollow = 0x100;   // AT_SYMLINK_NOFOLLOW
    private const int Exists = 17;           // EEXIST

    /// <summary>The user as which this process works.</summary>
    public static uint UserId => geteuid();

    /// <summary>Makes a folder that only this user may use. True also where something of the name is there already.</summary>
    public static bool TryCreate(string path, out int error)
    {
        error = mkdir(path, 0x1C0) == 0 ? 0 : Marshal.GetLastPInvokeError();   // rwx------
        return error is 0 or Exists;
    }

    /// <summary>Whether that is a folder, itself and not by a link, of this user's.</summary>
    public static bool IsOwn(string path)
    {
        statx facts;
        byte[] name = System.Text.Encoding.UTF8.GetBytes(path + "\0");
        fixed (byte* at = name)
            return LibC.statx(LibC.AT_FDCWD, at, DoNotFollow, LibC.STATX_BASIC_STATS, &facts) == 0
                && (facts.stx_mode & FileTypeMask) == FolderType && facts.stx_uid == UserId;
    }

    /// <summary>Gives a folder, never what a link leads to, to another user.</summary>
    public static bool TryGive(string path, uint user, out int error)
    {
        error = lchown(path, user, uint.MaxValue) == 0 ? 0 : Marshal.GetLastPInvokeError();
        return error == 0;
    }

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdir(string path, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int lchown(string path, uint user, uint group);
}
