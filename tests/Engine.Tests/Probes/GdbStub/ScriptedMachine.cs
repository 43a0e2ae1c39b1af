using System.Globalization;
using VmiPl.Compilation.Sites;
using VmiPl.Memory;
using VmiPl.Probes;
using VmiPl.Probes.GdbStub;
using VmiPl.Probes.Tracking;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>A machine with one vCPU, without paging, behind a stub: what its steps do, a test says. It stands still whenever a test looks at it.</summary>
internal sealed class ScriptedMachine : IDisposable
{
    public const string Thread = "01";

    private readonly StubPeer _peer;
    private readonly Dictionary<string, ulong> _registers = [];
    private readonly Queue<Action> _steps = new();

    public ScriptedMachine()
    {
        _peer = StubPeer.Answering(request => [Answer(request)]);
        Vcpu = new StubVcpu(Connection, new StubVcpus(Connection).Registers, new ArrayMemory(Memory), (_, _, _) => { });
        Requests.Clear();
    }

    public StubConnection Connection => _peer.Connection;

    public StubVcpu Vcpu { get; }

    public byte[] Memory { get; } = new byte[0x1_0000];

    /// <summary>What was asked for, but the registers' values.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>The breakpoints and watchpoints that there are, without their <c>Z</c>, in the order in which they were set.</summary>
    public List<string> Traps { get; } = [];

    /// <summary>Whether a request to set a trap is refused.</summary>
    public Predicate<string> Refuses { get; set; } = _ => false;

    /// <summary>Whether a step executes an instruction that is trapped, as with QEMU's TCG since 6.2.</summary>
    public bool StepsThroughTraps { get; set; } = true;

    /// <summary>How the next stop is told.</summary>
    public string Stop { get; set; } = "T05thread:01;";

    /// <summary>A register of the vCPU.</summary>
    public ulong this[string register]
    {
        get => _registers.GetValueOrDefault(register);
        set => _registers[register] = value;
    }

    /// <summary>Number of steps that were asked for.</summary>
    public int Steps => Requests.Count(request => request.StartsWith("vCont;s", StringComparison.Ordinal));

    public static TrapUse Execute(ulong address) => new(new ExecuteTrap(new NamedAddress(address, null)), null, null);

    public static TrapUse Watch(ulong address, ulong length, bool onRead = false) => new(new WatchTrap(new NamedAddress(address, null), length, onRead), null, null);

    /// <summary>What the next steps do; where none is left, nothing moves.</summary>
    public void Script(params IEnumerable<Action> steps)
    {
        foreach (Action step in steps)
            _steps.Enqueue(step);
    }

    /// <summary>The vCPU has stopped at an instruction.</summary>
    public void Hit(ulong address)
    {
        this["rip"] = address;
        Vcpu.BeginStop(DateTime.UnixEpoch);
        Vcpu.Enter(0, Thread);
        Requests.Clear();
    }

    public void Dispose() => _peer.Dispose();

    private string Answer(string request)
    {
        if (request is not "g" && !request.StartsWith("Hg", StringComparison.Ordinal))
            Requests.Add(request);
        switch (request[0])
        {
            case 'g':
                return StubDescription.Long.Answer(_registers);
            case 'H':
                return request == "Hg" + Thread ? "OK" : "E22";
            case 'P':
                return Write(request);
            case 'Z':
                if (Refuses(request[1..]))
                    return "E22";
                Traps.Add(request[1..]);
                return "OK";
            case 'z':
                return Traps.Remove(request[1..]) ? "OK" : "E22";
            case 'v':
                return Step();
            case 'q':
                return Describe(request);
            default:
                return "";
        }
    }

    private string Step()
    {
        string address = _registers["rip"].ToString("x", CultureInfo.InvariantCulture);
        bool isTrapped = Traps.Contains($"0,{address},1") || Traps.Contains($"1,{address},1");
        if ((StepsThroughTraps || !isTrapped) && _steps.TryDequeue(out Action? step))
            step();
        return Stop;
    }

    private string Write(string request)
    {
        int equals = request.IndexOf('=', StringComparison.Ordinal);
        int number = int.Parse(request.AsSpan(1, equals - 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        this[StubDescription.Long.Registers[number].Name] = BitConverter.ToUInt64(Convert.FromHexString(request.AsSpan(equals + 1)));
        return "OK";
    }

    private static string Describe(string request) => request.Split(':') switch
    {
        ["qSupported", ..] => "PacketSize=1000;qXfer:features:read+",
        ["qXfer", _, _, var name, var place] => Piece(StubDescription.Long.Document(name), [.. place.Split(',').Select(n => int.Parse(n, NumberStyles.HexNumber, CultureInfo.InvariantCulture))]),
        ["qfThreadInfo"] => "m" + Thread,
        ["qsThreadInfo"] => "l",
        _ => "",
    };

    private static string Piece(string text, int[] place) =>
        place[0] + place[1] < text.Length ? $"m{text.AsSpan(place[0], place[1])}" : $"l{text.AsSpan(place[0])}";
}
