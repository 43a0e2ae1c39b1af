using System.Text.Json;
using VmiPl.Errors;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Processes;

namespace VmiPl.Machines.Qmp;

/// <summary>A machine's QMP socket. Seen with QEMU 7.2, 10.0 and 11.1.</summary>
public sealed class QmpMonitor : MonitorBase
{
    private readonly QmpConnection _connection;

    /// <summary>Makes a monitor that connects with its first command. <paramref name="process"/> is not owned.</summary>
    internal QmpMonitor(MonitorEndpoint endpoint, VmiLimits limits, ProcessIdentity? process)
        : base(limits) => _connection = new QmpConnection(endpoint, limits, process);

    /// <inheritdoc/>
    public override string Description => _connection.Endpoint.ToString();

    /// <inheritdoc/>
    internal override IReadOnlyList<string> ForAnotherProgram() => _connection.Endpoint.ForAnotherProgram();

    /// <inheritdoc/>
    public override MachineState QueryState() => RunState.FromName(QmpProtocol.TextOf(Execute("query-status"), "status"));

    /// <inheritdoc/>
    public override string HumanCommand(string command)
    {
        JsonElement text = Execute("human-monitor-command", json => json.WriteString("command-line", command));
        return text.ValueKind == JsonValueKind.String
            ? text.GetString()!.ReplaceLineEndings("\n")
            : throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU answered '{command}' with something that is no text.", Description);
    }

    /// <summary>Runs any QMP command and gives its result. <paramref name="arguments"/> writes the members of the object of
    /// arguments; <paramref name="timeout"/> is for commands that take their time. Throws as <see cref="IMachineMonitor"/>
    /// tells; where QEMU refuses the command, <c>MonitorProtocol</c>.</summary>
    public JsonElement Execute(string command, Action<Utf8JsonWriter>? arguments = null, TimeSpan? timeout = null) =>
        _connection.Execute(command, arguments, timeout);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _connection.Dispose();

    /// <inheritdoc/>
    private protected override void Stop() => Execute("stop");

    /// <inheritdoc/>
    private protected override void Continue() => Execute("cont");
}
