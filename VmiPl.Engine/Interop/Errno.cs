using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>Questions about the operating system's error numbers.</summary>
internal static class Errno
{
    /// <summary>There is no such process (any more).</summary>
    public static bool IsNoProcess(int error) => error == LibC.ESRCH;

    /// <summary>This user may not.</summary>
    public static bool IsDenied(int error) => error == LibC.EPERM || error == LibC.EACCES;

    /// <summary>The system call is not there, or a sandbox holds it back.</summary>
    public static bool IsMissing(int error) => error == LibC.ENOSYS;

    /// <summary>The error in words.</summary>
    public static string Text(int error) => System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error);
}
