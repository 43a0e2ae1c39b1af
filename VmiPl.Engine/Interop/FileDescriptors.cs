using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmiPl.Interop;

/// <summary>Sockets and files that another process hands over a Unix socket (man 7 unix, SCM_RIGHTS). The layouts are those of 64-bit
/// Linux.</summary>
internal static unsafe partial class FileDescriptors
{
    private const int DontWait = 0x40, CloseOnExec = 0x40000000, ControlCut = 0x8;   // MSG_DONTWAIT, MSG_CMSG_CLOEXEC, MSG_CTRUNC
    private const int SolSocket = 1, Rights = 1;                                      // SOL_SOCKET, SCM_RIGHTS
    private const int HeaderBytes = 16;                                               // struct cmsghdr: length, level, type
    private const int Interrupted = 4;                                                // EINTR

    /// <summary>Most files that are taken with one message.</summary>
    public const int MostFiles = 2;

    private struct IoVector
    {
        public byte* Start;
        public nuint Length;
    }

    private struct MessageHeader
    {
        public byte* Name;
        public uint NameLength;
        public IoVector* Pieces;
        public nuint PieceCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>Receives a message that lies there, without waiting. Gives the bytes received: 0 at the end of the connection, -1
    /// where nothing lies there or it has failed. <paramref name="handle"/>, closed on exec and owned by the caller, is the
    /// one socket that came along; null where none came. Where more or something else came, all of it is closed and the
    /// result is -1.</summary>
    public static int Receive(Socket socket, Span<byte> bytes, out SafeSocketHandle? handle)
    {
        handle = null;
        Span<int> numbers = stackalloc int[1];
        int got = Receive(socket, bytes, numbers, out int count);
        if (count == 1)
            handle = new SafeSocketHandle(numbers[0], ownsHandle: true);
        return got;
    }

    /// <summary>As the other: <paramref name="files"/> gets up to <see cref="MostFiles"/> files that came along, each the caller's.</summary>
    public static int Receive(Socket socket, Span<byte> bytes, ICollection<SafeFileHandle> files)
    {
        Span<int> numbers = stackalloc int[MostFiles];
        int got = Receive(socket, bytes, numbers, out int count);
        foreach (int number in numbers[..count])
            files.Add(new SafeFileHandle(number, ownsHandle: true));
        return got;
    }

    private static int Receive(Socket socket, Span<byte> bytes, Span<int> numbers, out int count)
    {
        count = 0;
        ulong* control = stackalloc ulong[8];   // a header and room for more numbers than are taken, so that more show
        fixed (byte* buffer = bytes)
        {
            var piece = new IoVector { Start = buffer, Length = (nuint)bytes.Length };
            var message = new MessageHeader { Pieces = &piece, PieceCount = 1, Control = (byte*)control, ControlLength = 64 };
            nint got;
            do
                got = recvmsg(socket.SafeHandle, &message, DontWait | CloseOnExec);
            while (got < 0 && Marshal.GetLastPInvokeError() == Interrupted);
            if (got < 0)
                return -1;
            if (message.ControlLength < HeaderBytes)
                return (message.Flags & ControlCut) == 0 ? (int)got : -1;
            return Take((byte*)control, message, numbers, out count) ? (int)got : -1;
        }
    }

    private static bool Take(byte* control, in MessageHeader message, Span<int> taken, out int count)
    {
        count = 0;
        nuint length = Math.Min(*(nuint*)control, message.ControlLength);
        if (*(int*)(control + 8) != SolSocket || *(int*)(control + 12) != Rights || length < HeaderBytes)
            return false;
        var numbers = new Span<int>(control + HeaderBytes, (int)(length - HeaderBytes) / sizeof(int));
        if (numbers.Length <= taken.Length && (message.Flags & ControlCut) == 0)
        {
            numbers.CopyTo(taken);
            count = numbers.Length;
            return true;
        }
        foreach (int number in numbers)
            new SafeFileHandle(number, ownsHandle: true).Dispose();
        return false;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(SafeSocketHandle socket, MessageHeader* message, int flags);
}
