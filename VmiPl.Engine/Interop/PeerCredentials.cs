using System.Buffers.Binary;
using System.Net.Sockets;

namespace VmiPl.Interop;

/// <summary>Who stands at the other end of a Unix socket (man 7 unix, SO_PEERCRED).</summary>
internal static class PeerCredentials
{
    private const int SolSocket = 1, SoPeerCred = 17;

    /// <summary>The process that made the listening socket listen: not always the one that serves it (a daemon may hand
    /// sockets on). 0 where it can't be told or lives in a process namespace that is not seen from here.</summary>
    public static int ProcessId(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12];   // struct ucred: pid, uid, gid
        try
        {
            return socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials) >= 4
                ? BinaryPrimitives.ReadInt32LittleEndian(credentials) : 0;
        }
        catch (SocketException)
        {
            return 0;
        }
    }
}
