using VmiPl.Errors;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Processes;

namespace VmiPl.Machines;

/// <summary>A monitor connection that is there when it is used. QEMU serves one client of a monitor at a time and lets others
/// wait, and an operator's own tools need it too: so the connection is made for the first command of a burst and closed
/// one second after its last. After an error it is closed at once; the next command makes a new one. Safe from several
/// threads; commands are served one at a time.</summary>
/// <typeparam name="TProtocol">The state of the protocol of one connection.</typeparam>
internal sealed class MonitorLink<TProtocol> : IDisposable
    where TProtocol : class
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly Func<MonitorSocket, TProtocol> _greet;
    private readonly ProcessIdentity? _process;
    private readonly TimeSpan _timeout;
    private readonly Timer _idle;
    private MonitorSocket? _socket;
    private TProtocol? _protocol;
    private bool _disposed;

    /// <summary>Makes a link that is not connected yet. <paramref name="greet"/> brings a new connection to the point at which
    /// it takes commands. <paramref name="process"/>, not owned, tells a dead QEMU from one that only closed.</summary>
    public MonitorLink(MonitorEndpoint endpoint, TimeSpan timeout, ProcessIdentity? process, Func<MonitorSocket, TProtocol> greet)
    {
        Endpoint = endpoint;
        _timeout = timeout;
        _process = process;
        _greet = greet;
        _idle = new Timer(_ => CloseIdle(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Where the monitor is.</summary>
    public MonitorEndpoint Endpoint { get; }

    /// <summary>Runs one exchange over a connection that is ready.</summary>
    public T Use<T>(Func<MonitorSocket, TProtocol, T> exchange)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                if (_socket is null)
                {
                    _process?.Demand();
                    _socket = MonitorSocket.Connect(Endpoint, _timeout);
                    _protocol = _greet(_socket);
                }
                T result = exchange(_socket, _protocol!);
                _idle.Change(Idle, Timeout.InfiniteTimeSpan);
                return result;
            }
            catch (VmiException)
            {
                Close();
                // Whatever it looked like from the socket: if the process is gone, that is what happened.
                _process?.Demand();
                throw;
            }
        }
    }

    /// <summary>Closes the connection; the link is of no further use.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            Close();
        }
        _idle.Dispose();
    }

    private void CloseIdle()
    {
        // A command that runs at this moment will set the timer anew.
        if (!_lock.TryEnter())
            return;
        try
        {
            Close();
        }
        finally
        {
            _lock.Exit();
        }
    }

    private void Close()
    {
        _socket?.Dispose();
        _socket = null;
        _protocol = null;
    }
}
