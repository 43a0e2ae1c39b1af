using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>The stub's threads, which are the machine's vCPUs, and how their registers are shown. Asked for while the machine stands still. A thread's
/// id is one more than the vCPU's number (gdbstub/system.c, <c>gdb_get_cpu_index</c>). For the driver's thread.</summary>
internal sealed class StubVcpus
{
    private const int MaxVcpus = 4096, PieceChars = 0x400;
    private SortedDictionary<int, string> _threads = [];

    /// <summary>Asks the stub. Throws <c>NotSupported</c>, and what <see cref="Refresh"/> throws.</summary>
    public StubVcpus(StubConnection connection)
    {
        byte[] features = connection.Ask("qSupported:swbreak+;hwbreak+;vContSupported+");
        if (!Encoding.ASCII.GetString(features).Contains("qXfer:features:read+", StringComparison.Ordinal))
            throw new VmiException(VmiErrorCode.NotSupported, "QEMU's gdbstub does not describe its registers.");
        Registers = new StubRegisters(new TargetDescription(name => Document(connection, name)));
        Refresh(connection);
    }

    /// <summary>Where registers stand in the stub's answers.</summary>
    public StubRegisters Registers { get; }

    /// <summary>The vCPUs' numbers, in ascending order.</summary>
    public ImmutableArray<int> Numbers { get; private set; }

    /// <summary>The thread id of a vCPU.</summary>
    public string ThreadOf(int vcpu) => _threads[vcpu];

    /// <summary>The vCPU of a thread id; the first one where the stub names none. Ids may be written with leading zeros. Throws <c>NotSupported</c>
    /// for one that is not known.</summary>
    public int VcpuOf(string? thread) =>
        thread is null ? Numbers[0]
        : Number(thread) is { } vcpu && _threads.ContainsKey(vcpu) ? vcpu
        : throw new VmiException(VmiErrorCode.NotSupported, $"QEMU's gdbstub tells of a vCPU '{thread}' that was plugged in a moment ago: start the probes again.");

    /// <summary>Asks for the vCPUs again. False where they are the same as before. Throws <c>MonitorProtocol</c> and <c>LimitExceeded</c>, with nothing
    /// changed.</summary>
    public bool Refresh(StubConnection connection)
    {
        var threads = new SortedDictionary<int, string>();
        int told = 0;
        for (byte[] answer = connection.Ask("qfThreadInfo"); answer.Length > 0 && answer[0] == 'm'; answer = connection.Ask("qsThreadInfo"))
        {
            string[] named = Encoding.ASCII.GetString(answer, 1, answer.Length - 1).Split(',', StringSplitOptions.RemoveEmptyEntries);
            foreach (string thread in named)
                threads[Number(thread) ?? throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU's gdbstub tells of a vCPU by an id that is none: '{thread}'.")] = thread;
            if (named.Length == 0)
                throw new VmiException(VmiErrorCode.MonitorProtocol, "QEMU's gdbstub tells of vCPUs and names none.");
            if ((told += named.Length) > MaxVcpus)
                throw new VmiException(VmiErrorCode.LimitExceeded, $"QEMU's gdbstub tells of more than {MaxVcpus} vCPUs.");
        }
        if (threads.Count == 0)
            throw new VmiException(VmiErrorCode.MonitorProtocol, "QEMU's gdbstub tells of no vCPU.");
        bool isNew = !threads.Keys.SequenceEqual(_threads.Keys);
        _threads = threads;
        Numbers = [.. threads.Keys];
        return isNew;
    }

    private static int? Number(string thread) =>
        int.TryParse(thread[(thread.LastIndexOf('.') + 1)..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int number) && number > 0 ? number - 1 : null;

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
