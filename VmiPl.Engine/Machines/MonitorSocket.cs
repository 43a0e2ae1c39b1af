using System.Net.Sockets;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines.CommandLine;

namespace VmiPl.Machines;

/// <summary>A connected stream to a monitor with a deadline on everything. Every failure is a <see cref="VmiException"/>.
/// Not thread-safe.</summary>
internal sealed class MonitorSocket : IDisposable
{
    private readonly Socket _socket;
    private readonly string _description;

    private MonitorSocket(Socket socket, string description)
    {
        _socket = socket;
        _description = description;
    }

    /// <summary>The process that listens there, or 0; see <see cref="PeerCredentials"/>.</summary>
    public int PeerProcessId => PeerCredentials.ProcessId(_socket);

    /// <summary>Connects. Throws <c>MonitorUnavailable</c> (nobody listens), <c>AccessDenied</c>, <c>MonitorBusy</c> (too many
    /// wait already) or <c>Timeout</c>.</summary>
    public static MonitorSocket Connect(MonitorEndpoint endpoint, TimeSpan timeout)
    {
        string description = endpoint.ToString();
        bool local = endpoint.Path is not null;
        Socket socket = local ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // A full backlog makes a blocking connect wait without end: leave it to a task with a deadline.
            using var deadline = new CancellationTokenSource(timeout);
            ValueTask connecting = local
                ? socket.ConnectAsync(UnixAddress(endpoint.Path!), deadline.Token)
                : socket.ConnectAsync(endpoint.Host!, endpoint.Port, deadline.Token);
            connecting.AsTask().GetAwaiter().GetResult();
            return new MonitorSocket(socket, description);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ArgumentException)
        {
            socket.Dispose();
            throw Failure(e, description);
        }
    }

    /// <summary>Sends everything. Throws <c>MonitorProtocol</c> where the other end has closed, or <c>Timeout</c>.</summary>
    public void Send(ReadOnlySpan<byte> bytes, TimeSpan timeout)
    {
        try
        {
            _socket.SendTimeout = Milliseconds(timeout);
            while (!bytes.IsEmpty)
                bytes = bytes[_socket.Send(bytes)..];
        }
        catch (SocketException e)
        {
            throw Failure(e, _description);
        }
    }

    /// <summary>Receives what there is, waiting until <paramref name="deadline"/> (in the time of
    /// <see cref="Environment.TickCount64"/>). 0: the other end has closed. Null: the time is over.</summary>
    public int? Receive(Span<byte> buffer, long deadline)
    {
        try
        {
            long left = deadline - Environment.TickCount64;
            if (left <= 0 || !_socket.Poll(TimeSpan.FromMilliseconds(left), SelectMode.SelectRead))
                return null;
            return _socket.Receive(buffer);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
        {
            return 0;
        }
        catch (SocketException e)
        {
            throw Failure(e, _description);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static UnixDomainSocketEndPoint UnixAddress(string path) =>
        new(path.StartsWith('@') ? "\0" + path[1..] : path);

    private static int Milliseconds(TimeSpan time) => (int)Math.Clamp(time.TotalMilliseconds, 1, int.MaxValue);

    private static VmiException Failure(Exception e, string description) => e switch
    {
        SocketException { SocketErrorCode: SocketError.AccessDenied } => new VmiException(
            VmiErrorCode.AccessDenied, $"The monitor '{description}' may not be opened by this user.", description, e),
        SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown } => new VmiException(
            VmiErrorCode.MonitorProtocol, $"The monitor '{description}' has closed the connection.", description, e),
        SocketException { SocketErrorCode: SocketError.TimedOut } or OperationCanceledException => new VmiException(
            VmiErrorCode.Timeout, $"The monitor '{description}' did not take the connection or the command in time.", description, e),
        SocketException { SocketErrorCode: SocketError.TryAgain or SocketError.WouldBlock } => new VmiException(
            VmiErrorCode.MonitorBusy, $"Too many clients wait for the monitor '{description}'.", description, e),
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => new VmiException(   // .NET's name for ENOENT here
            VmiErrorCode.MonitorUnavailable, $"There is no monitor socket '{description}'.", description, e),
        _ => new VmiException(
            VmiErrorCode.MonitorUnavailable, $"Nobody answers at the monitor '{description}': {e.Message}.", description, e),
    };
}
