using System.Text;
using VmiPl.Errors;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Processes;

namespace VmiPl.Machines.Human;

/// <summary>A machine's human monitor on a socket (<c>-monitor unix:…</c>). Connected for a burst of commands, see
/// <see cref="MonitorLink{TProtocol}"/>. Seen with QEMU 7.2, 10.0 and 11.1.</summary>
public sealed class HumanMonitor : MonitorBase
{
    private readonly MonitorLink<HumanProtocol> _link;
    private readonly VmiLimits _limits;
    private readonly byte[] _buffer = new byte[64 * 1024];   // used under the link's lock only

    /// <summary>Makes a monitor that connects with its first command. <paramref name="process"/> is not owned.</summary>
    internal HumanMonitor(MonitorEndpoint endpoint, VmiLimits limits, ProcessIdentity? process)
        : base(limits)
    {
        _limits = limits;
        _link = new MonitorLink<HumanProtocol>(endpoint, limits.MonitorTimeout, process, Greet);
    }

    /// <inheritdoc/>
    public override string Description => _link.Endpoint.ToString();

    /// <inheritdoc/>
    internal override IReadOnlyList<string> ForAnotherProgram() => _link.Endpoint.ForAnotherProgram();

    /// <inheritdoc/>
    public override string HumanCommand(string command)
    {
        if (command.AsSpan().IndexOfAnyInRange('\0', '\x1f') >= 0)
            throw new VmiException(VmiErrorCode.InvalidArgument, "A monitor command is one line without control characters.", command);
        return _link.Use((socket, protocol) =>
        {
            socket.Send(Encoding.UTF8.GetBytes(command + "\n"), _limits.MonitorTimeout);
            return Next(socket, protocol, VmiErrorCode.Timeout, $"did not answer '{command}'");
        });
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _link.Dispose();

    private HumanProtocol Greet(MonitorSocket socket)
    {
        var protocol = new HumanProtocol(_limits.MaxMonitorMessageBytes);
        Next(socket, protocol, VmiErrorCode.MonitorBusy, "takes connections but sends no prompt: another client holds it, or QEMU hangs");
        return protocol;
    }

    private string Next(MonitorSocket socket, HumanProtocol protocol, VmiErrorCode late, string problem)
    {
        long deadline = Environment.TickCount64 + (long)_limits.MonitorTimeout.TotalMilliseconds;
        string answer;
        while (!protocol.TryTake(out answer))
        {
            int? got = socket.Receive(_buffer, deadline);
            if (got is null)
                throw new VmiException(late, $"The monitor '{Description}' {problem}.", Description);
            if (got == 0)
                throw new VmiException(VmiErrorCode.MonitorProtocol, $"The monitor '{Description}' closed the connection.", Description);
            protocol.Feed(_buffer.AsSpan(0, got.Value));
        }
        return answer;
    }
}
