using System.Globalization;
using System.Text;
using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>The stub's threads, which are the machine's vCPUs in ascending order, and how their registers are shown. Asked for when the connection is
/// made, with the machine standing still. Immutable.</summary>
internal sealed class StubVcpus
{
    private const int MaxVcpus = 4096, PieceChars = 0x400;
    private readonly List<string> _threads = [];

    /// <summary>Asks the stub. Throws <c>MonitorProtocol</c> and <c>NotSupported</c>.</summary>
    public StubVcpus(StubConnection connection)
    {
        byte[] features = connection.Ask("qSupported:swbreak+;hwbreak+;vContSupported+");
        if (!Encoding.ASCII.GetString(features).Contains("qXfer:features:read+", StringComparison.Ordinal))
            throw new VmiException(VmiErrorCode.NotSupported, "QEMU's gdbstub does not describe its registers.");
        Registers = new StubRegisters(new TargetDescription(name => Document(connection, name)));
        for (byte[] answer = connection.Ask("qfThreadInfo"); answer.Length > 0 && answer[0] == 'm'; answer = connection.Ask("qsThreadInfo"))
        {
            string[] threads = Encoding.ASCII.GetString(answer, 1, answer.Length - 1).Split(',', StringSplitOptions.RemoveEmptyEntries);
            if (threads.Length == 0)
                throw new VmiException(VmiErrorCode.MonitorProtocol, "QEMU's gdbstub tells of vCPUs and names none.");
            _threads.AddRange(threads);
            if (_threads.Count > MaxVcpus)
                throw new VmiException(VmiErrorCode.LimitExceeded, $"QEMU's gdbstub tells of more than {MaxVcpus} vCPUs.");
        }
        if (_threads.Count == 0)
            throw new VmiException(VmiErrorCode.MonitorProtocol, "QEMU's gdbstub tells of no vCPU.");
    }

    /// <summary>Where registers stand in the stub's answers.</summary>
    public StubRegisters Registers { get; }

    /// <summary>Number of vCPUs.</summary>
    public int Count => _threads.Count;

    /// <summary>The thread id of a vCPU.</summary>
    public string ThreadOf(int vcpu) => _threads[vcpu];

    /// <summary>The vCPU of a thread id; the first one where the stub names none. Ids may be written with leading zeros.</summary>
    public int VcpuOf(string? thread)
    {
        int index = thread is null ? 0 : _threads.FindIndex(known => Number(known) == Number(thread));
        return index >= 0 ? index
            : throw new VmiException(VmiErrorCode.NotSupported, $"QEMU's gdbstub tells of a vCPU '{thread}' that was not there when the probes were started: restart them after a vCPU was plugged in.");
    }

    private static ulong? Number(string thread) =>
        ulong.TryParse(thread[(thread.LastIndexOf('.') + 1)..], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong number) ? number : null;

    private static string Document(StubConnection connection, string name)
    {
        var text = new StringBuilder();
        while (true)
        {
            byte[] answer = connection.Ask(string.Create(CultureInfo.InvariantCulture, $"qXfer:features:read:{name}:{text.Length:x},{PieceChars:x}"));
            if (answer is not ([(byte)'l', ..] or [(byte)'m', _, ..]) || text.Length > RemoteProtocol.MaxPacketBytes)
                throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU's gdbstub does not give the document '{name}' of its target description.");
            text.Append(Encoding.Latin1.GetString(answer, 1, answer.Length - 1));
            if (answer[0] == 'l')
                return text.ToString();
        }
    }
}
