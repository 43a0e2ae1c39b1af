using System.Text.Json;
using VmiPl.Errors;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Processes;

namespace VmiPl.Machines.Qmp;

/// <summary>QMP over a Unix or TCP socket. Connected for a burst of commands, see <see cref="MonitorLink{TProtocol}"/>.
/// Safe from several threads; commands are served one at a time. Events are read and dropped.</summary>
internal sealed class QmpConnection : IDisposable
{
    private readonly MonitorLink<QmpProtocol> _link;
    private readonly VmiLimits _limits;
    private readonly byte[] _buffer = new byte[64 * 1024];   // used under the link's lock only
    private long _lastId;

    /// <summary>Makes a connection that is opened by the first command. <paramref name="process"/> is not owned.</summary>
    public QmpConnection(MonitorEndpoint endpoint, VmiLimits limits, ProcessIdentity? process)
    {
        _limits = limits;
        _link = new MonitorLink<QmpProtocol>(endpoint, limits.MonitorTimeout, process, Greet);
    }

    /// <summary>Where the monitor is.</summary>
    public MonitorEndpoint Endpoint => _link.Endpoint;

    /// <summary>Runs a command and gives its result. Throws <c>MonitorBusy</c>, <c>MonitorProtocol</c> (also where QEMU refuses
    /// the command), <c>Timeout</c>, <c>MonitorUnavailable</c>, <c>AccessDenied</c> or <c>MachineLost</c>.</summary>
    public JsonElement Execute(string command, Action<Utf8JsonWriter>? arguments = null, TimeSpan? timeout = null) =>
        _link.Use((socket, protocol) => Exchange(socket, protocol, command, arguments, timeout ?? _limits.MonitorTimeout));

    /// <inheritdoc/>
    public void Dispose() => _link.Dispose();

    private QmpProtocol Greet(MonitorSocket socket)
    {
        var protocol = new QmpProtocol(_limits.MaxMonitorMessageBytes);
        // It comes unasked and at once; waiting as long as for an answer would only make every command on a busy monitor slow.
        QmpMessage greeting = Next(socket, protocol, Environment.TickCount64 + (long)(_limits.MonitorTimeout.TotalMilliseconds * 2 / 5))
            ?? throw new VmiException(
                VmiErrorCode.MonitorBusy,
                $"The monitor '{Endpoint}' takes connections but sends no greeting: another client holds it, or QEMU hangs.", Endpoint.ToString());
        if (greeting.Kind != QmpMessageKind.Greeting)
            throw Violation("it did not begin with a greeting");
        Exchange(socket, protocol, "qmp_capabilities", null, _limits.MonitorTimeout);
        return protocol;
    }

    private JsonElement Exchange(MonitorSocket socket, QmpProtocol protocol, string command, Action<Utf8JsonWriter>? arguments, TimeSpan timeout)
    {
        long id = ++_lastId;
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        socket.Send(QmpProtocol.Command(command, id, arguments), timeout);
        while (Next(socket, protocol, deadline) is { } message)
        {
            // QEMU repeats the id; an error about the line itself has none.
            if (message.Kind == QmpMessageKind.Return && message.Id == id)
                return message.Body;
            if (message.Kind == QmpMessageKind.Error && (message.Id ?? id) == id)
                throw new VmiException(
                    VmiErrorCode.MonitorProtocol, $"QEMU refused '{command}': {QmpProtocol.TextOf(message.Body, "desc")}", Endpoint.ToString());
        }
        throw new VmiException(
            VmiErrorCode.Timeout, $"The monitor '{Endpoint}' did not answer '{command}' within {timeout.TotalSeconds:0.#} s.", Endpoint.ToString());
    }

    /// <summary>The next message, or null when the time is over.</summary>
    private QmpMessage? Next(MonitorSocket socket, QmpProtocol protocol, long deadline)
    {
        QmpMessage message;
        while (!protocol.TryTake(out message))
        {
            int? got = socket.Receive(_buffer, deadline);
            if (got is null)
                return null;
            if (got == 0)
                throw Violation("it closed the connection");
            protocol.Feed(_buffer.AsSpan(0, got.Value));
        }
        // A peer that floods us with events must not hold us for ever.
        return Environment.TickCount64 > deadline ? null : message;
    }

    private VmiException Violation(string what) =>
        new(VmiErrorCode.MonitorProtocol, $"The monitor '{Endpoint}' broke its protocol: {what}.", Endpoint.ToString());
}
