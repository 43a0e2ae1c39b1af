using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VmiPl.Interop;

/// <summary>Sockets that another process hands over a Unix socket (man 7 unix, SCM_RIGHTS). The layouts are those of 64-bit
/// Linux.</summary>
internal static unsafe partial class FileDescriptors
{
    private const int DontWait = 0x40, CloseOnExec = 0x40000000, ControlCut = 0x8;   // MSG_DONTWAIT, MSG_CMSG_CLOEXEC, MSG_CTRUNC
    private const int SolSocket = 1, Rights = 1;                                      // SOL_SOCKET, SCM_RIGHTS
    private const int HeaderBytes = 16;                                               // struct cmsghdr: length, level, type
    private const int Interrupted = 4;                                                // EINTR

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
        ulong* control = stackalloc ulong[8];   // a header and room for more than one number, so that more than one shows
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
            return Take((byte*)control, message, out handle) ? (int)got : -1;
        }
    }

    private static bool Take(byte* control, in MessageHeader message, out SafeSocketHandle? handle)
    {
        handle = null;
        nuint length = Math.Min(*(nuint*)control, message.ControlLength);
        if (*(int*)(control + 8) != SolSocket || *(int*)(control + 12) != Rights || length < HeaderBytes)
            return false;
        int count = (int)(length - HeaderBytes) / sizeof(int);
        int* numbers = (int*)(control + HeaderBytes);
        if (count == 1 && (message.Flags & ControlCut) == 0)
        {
            handle = new SafeSocketHandle(numbers[0], ownsHandle: true);
            return true;
        }
        for (int i = 0; i < count; i++)
            new SafeSocketHandle(numbers[i], ownsHandle: true).Dispose();
        return false;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(SafeSocketHandle socket, MessageHeader* message, int flags);
}
