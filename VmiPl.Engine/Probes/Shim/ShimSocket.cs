using System.Globalization;
using System.Net.Sockets;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines.Processes;

namespace VmiPl.Probes.Shim;

/// <summary>Finds the socket that a shim in a process listens at, <c>vmipl.shim.PID.…</c> in the abstract name space, and connects to it.</summary>
internal static class ShimSocket
{
    /// <summary>What the names of all begin with.</summary>
    public const string Prefix = "vmipl.shim.";

    private const string NamespaceIds = "\nNSpid:\t";

    /// <summary>A connection to the shim of that process, or null where it has none that listens. Throws <c>ShimUnavailable</c> where there is one that
    /// cannot be reached or is another process's.</summary>
    public static Socket? TryConnect(int processId, TimeSpan timeout)
    {
        string start = string.Create(CultureInfo.InvariantCulture, $"@{Prefix}{OwnId(processId)}.");
        foreach (string name in UnixSockets.Listening(processId).Values.Where(name => name.StartsWith(start, StringComparison.Ordinal)))
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                // Without waiting: where nobody accepts it fails at once.
                using var deadline = new CancellationTokenSource(timeout);
                socket.ConnectAsync(new UnixDomainSocketEndPoint("\0" + name[1..]), deadline.Token).AsTask().GetAwaiter().GetResult();
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                socket.Dispose();
                throw new VmiException(VmiErrorCode.ShimUnavailable, $"The shim of process {processId} can't be reached: {e.Message}.", name, e);
            }
            // Every user may listen at such a name.
            if (PeerCredentials.ProcessId(socket) == processId)
                return socket;
            socket.Dispose();
        }
        return null;
    }

    /// <summary>The process's id as it sees it itself, which differs in a container (man 5 proc, NSpid).</summary>
    private static int OwnId(int processId)
    {
        string text = ProcFs.ReadText(processId, "status", out _) ?? "";
        int at = text.IndexOf(NamespaceIds, StringComparison.Ordinal);
        string last = at < 0 ? "" : text[(at + NamespaceIds.Length)..].Split('\n')[0].Split('\t')[^1];
        return int.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : processId;
    }
}
