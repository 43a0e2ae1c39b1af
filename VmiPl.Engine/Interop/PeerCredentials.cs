using System.Buffers.Binary;
using System.Net.Sockets;

namespace VmiPl.Interop;

/// <summary>Who stands at the other end of a Unix socket (man 7 unix, SO_PEERCRED).</summary>
internal static class PeerCredentials
{
    private const int SolSocket = 1, SoPeerCred = 17;

    /// <summary>The process that made the listening socket listen: not always the one that serves it (a daemon may hand
    /// sockets on). 0 where it can't be told or lives in a process namespace that is not seen from here.</summary>
    public static int ProcessId(Socket socket) => Read(socket)?.ProcessId ?? 0;

    /// <summary>The user that the process at the other end worked as when it connected or began to listen; null where it can't
    /// be told.</summary>
    public static uint? UserId(Socket socket) => Read(socket)?.UserId;

    private static (int ProcessId, uint UserId)? Read(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12];   // struct ucred: pid, uid, gid
        try
        {
            return socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials) == credentials.Length
                ? (BinaryPrimitives.ReadInt32LittleEndian(credentials), BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..]))
                : null;
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
