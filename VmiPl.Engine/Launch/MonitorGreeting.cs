using System.Net.Sockets;

namespace VmiPl.Launch;

/// <summary>The sign that a QEMU is up: its QMP monitor speaks first.</summary>
internal static class MonitorGreeting
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Completes when the monitor at a Unix socket (a leading <c>@</c>: an abstract one) has said something; the socket need not
    /// be there yet. Cancelled by <paramref name="stop"/>.</summary>
    public static async Task WaitAsync(string path, CancellationToken stop)
    {
        while (!await HasSpokenAsync(path, stop).ConfigureAwait(false))
            await Task.Delay(Interval, stop).ConfigureAwait(false);
    }

    private static async Task<bool> HasSpokenAsync(string path, CancellationToken stop)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path.StartsWith('@') ? "\0" + path[1..] : path), stop).ConfigureAwait(false);
            return await socket.ReceiveAsync(new byte[1], stop).ConfigureAwait(false) == 1;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return false;   // not there, not listening yet, or a path that QEMU can't take either
        }
    }
}
