using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>What a shim makes and hands over: memory files, signals, and both through a socket.</summary>
internal static unsafe partial class SharedFiles
{
    private const uint CloseOnExec = 1, AllowSealing = 2;
    private const int AddSeals = 1033, Shrink = 2, NonBlocking = 0x800, SolSocket = 1, Rights = 1;

    /// <summary>A memory file, sealed against shrinking or not.</summary>
    public static SafeFileHandle Memory(long bytes, bool isSealed = true)
    {
        int fd = memfd_create("ring", CloseOnExec | AllowSealing);
        Assert.True(fd >= 0);
        Assert.Equal(0, ftruncate(fd, bytes));
        if (isSealed)
            Assert.Equal(0, fcntl(fd, AddSeals, Shrink));
        return new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>An eventfd.</summary>
    public static SafeFileHandle Signal() => new(eventfd(0, NonBlocking), ownsHandle: true);

    /// <summary>The same file once more.</summary>
    public static SafeFileHandle Duplicate(SafeFileHandle file) => new(dup((int)file.DangerousGetHandle()), ownsHandle: true);

    /// <summary>Gives it.</summary>
    public static void Give(SafeFileHandle signal)
    {
        ulong one = 1;
        write((int)signal.DangerousGetHandle(), &one, 8);
    }

    /// <summary>Sends bytes with files.</summary>
    public static void Send(Socket socket, byte[] bytes, params SafeFileHandle[] files)
    {
        byte* control = stackalloc byte[64];
        *(nuint*)control = (nuint)(16 + 4 * files.Length);
        *(int*)(control + 8) = SolSocket;
        *(int*)(control + 12) = Rights;
        for (int i = 0; i < files.Length; i++)
            *(int*)(control + 16 + 4 * i) = (int)files[i].DangerousGetHandle();
        fixed (byte* start = bytes)
        {
            nuint* vector = stackalloc nuint[2];
            vector[0] = (nuint)start;
            vector[1] = (nuint)bytes.Length;
            nuint* message = stackalloc nuint[7];
            new Span<nuint>(message, 7).Clear();
            message[2] = (nuint)vector;
            message[3] = 1;
            message[4] = (nuint)control;
            message[5] = (nuint)((16 + 4 * files.Length + 7) & ~7);
            // The other end may have hung up at what came before.
            int sent = (int)sendmsg((int)socket.Handle, message, 0);
            if (sent < 0)
                throw new SocketException(Marshal.GetLastPInvokeError());
            Assert.Equal(bytes.Length, sent);
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc")]
    private static partial int dup(int fd);

    [LibraryImport("libc")]
    private static partial int ftruncate(int fd, long bytes);

    [LibraryImport("libc")]
    private static partial int fcntl(int fd, int command, int value);

    [LibraryImport("libc")]
    private static partial int eventfd(uint value, int flags);

    [LibraryImport("libc")]
    private static partial nint write(int fd, void* bytes, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int fd, void* message, int flags);
}
