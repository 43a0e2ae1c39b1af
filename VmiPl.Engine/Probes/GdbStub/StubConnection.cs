using System.Net.Sockets;
using System.Text;
using VmiPl.Errors;
using VmiPl.Interop;

namespace VmiPl.Probes.GdbStub;

/// <summary>A conversation with QEMU's gdbstub. What a client must know of it (gdbstub.c, <c>gdb_read_byte</c> and <c>gdb_vm_state_change</c>; 7.2 to 11.1):
/// while the machine runs, any byte stops it and is lost; an answer waits for its acknowledgment, and all but that and a packet's begin are lost until
/// then; a stop is told whenever the machine stops, whoever stopped it, but from 8.1 on only where the last byte taken was 0x03 to a machine that ran,
/// or the end of a packet that may resume one. Owns the socket. For one thread, but <see cref="Dispose"/>.</summary>
internal sealed class StubConnection : IDisposable
{
    // A stop is told once for each time that somebody resumes the machine.
    private const int MaxStops = 64;

    // Behind these a packet begins, whatever came before; where somebody has resumed the machine, they stop it, which is told. The first is lost
    // where an answer waits for the second, and the third where none did.
    private static readonly byte[] Interrupt = [3, (byte)'+', 3];

    // May resume the machine as far as QEMU knows, so that stops are told from then on; does not, as there is no such action.
    private const string Listen = "vCont;x";

    private readonly Socket _socket;
    private readonly RemoteProtocol _protocol = new();
    private readonly Queue<StopReply> _stops = new();
    private readonly byte[] _buffer = new byte[16 * 1024];
    private readonly int _timeout;

    /// <summary>Takes a connected socket over. <paramref name="timeout"/> bounds each answer.</summary>
    public StubConnection(Socket socket, TimeSpan timeout)
    {
        _socket = socket;
        _timeout = (int)timeout.TotalMilliseconds;
    }

    /// <summary>Whether a stop was told that has not been taken.</summary>
    public bool HasStop => _stops.Count > 0;

    /// <summary>The oldest stop that was told, or false.</summary>
    public bool TryTakeStop(out StopReply stop) => _stops.TryDequeue(out stop!);

    /// <summary>Whether QEMU tells of the next stop: not where anything was asked since the machine was resumed or halted.</summary>
    public bool IsToldOfStops { get; private set; }

    /// <summary>Stops the machine where it runs, and has everything said that QEMU has to say: afterwards all stops are in the queue, and the machine
    /// stands still until it is resumed. If somebody else does that, its next stop is told.</summary>
    public void Halt()
    {
        Request(Listen);
        // What comes before it was the answer to something that was given up.
        Answer(Listen, Deadline(), packet => packet is [] or [(byte)'E', ..]);
        IsToldOfStops = true;
    }

    /// <summary>Sends a request to a machine that stands still and gives its answer. Where somebody had resumed the machine, it is stopped first, which
    /// is told. So is a trap that the machine has met before.</summary>
    public byte[] Ask(string request)
    {
        Request(request);
        return Answer(request, Deadline(), _ => true);
    }

    /// <summary>As <see cref="Ask"/>, for requests that are answered with <c>OK</c>. False where the stub refuses.</summary>
    public bool Demand(string request)
    {
        byte[] answer = Ask(request);
        if (answer.AsSpan().SequenceEqual("OK"u8))
            return true;
        // Empty: the stub does not know the request.
        return answer.Length == 0 || answer[0] == 'E' ? false : throw Violation($"'{Encoding.ASCII.GetString(answer)}' as the answer to '{request}'");
    }

    /// <summary>Runs a command of the human monitor through the stub and gives its text, with LF line ends; null where the stub has no such door.</summary>
    public string? HumanCommand(string command)
    {
        Request("qRcmd," + Convert.ToHexStringLower(Encoding.ASCII.GetBytes(command)));
        long deadline = Deadline();
        var text = new StringBuilder();
        while (true)
        {
            byte[] answer = Answer(command, deadline, _ => true);
            if (answer.AsSpan().SequenceEqual("OK"u8))
                return text.ToString().ReplaceLineEndings("\n");
            if (answer.Length == 0 || answer[0] == 'E')
                return null;
            if (answer[0] != 'O' || text.Length > RemoteProtocol.MaxPacketBytes)
                throw Violation($"an answer to 'qRcmd' that is no text");
            text.Append(Encoding.UTF8.GetString(FromHex(answer.AsSpan(1))));
        }
    }

    /// <summary>Resumes the machine or a part of it: no answer, but a stop at some time.</summary>
    public void Resume(string request)
    {
        Request(request);
        IsToldOfStops = true;
    }

    /// <summary>Waits until a stop has been told. Throws <c>Timeout</c>.</summary>
    public StopReply WaitForStop()
    {
        long deadline = Deadline();
        while (_stops.Count == 0)
        {
            if (!TryReceive(null, deadline, out byte[]? unasked))
                throw new VmiException(VmiErrorCode.Timeout, $"QEMU's gdbstub told no stop within {_timeout / 1000.0:0.#} s.");
            Refuse(unasked);
        }
        return _stops.Dequeue();
    }

    /// <summary>Waits for a stop, for <paramref name="signal"/> if any, or for the time to be over. True where a stop has been told.</summary>
    public bool WaitForStop(EventSignal? signal, TimeSpan time)
    {
        long deadline = Environment.TickCount64 + (long)time.TotalMilliseconds;
        while (_stops.Count == 0)
        {
            if (!TryReceive(signal, deadline, out byte[]? unasked))
                return false;
            Refuse(unasked);
        }
        return true;
    }

    /// <summary>Bytes from their hexadecimal form. Throws <c>MonitorProtocol</c>.</summary>
    public static byte[] FromHex(ReadOnlySpan<byte> text)
    {
        byte[] bytes = new byte[text.Length / 2];
        return Convert.FromHexString(text, bytes, out _, out int written) == System.Buffers.OperationStatus.Done && written == bytes.Length
            ? bytes : throw Violation("hexadecimal digits that are none");
    }

    /// <summary>Closes the connection. The stub itself then still has its breakpoints: see <see cref="StubDoor"/>.</summary>
    public void Dispose() => _socket.Dispose();

    private long Deadline() => Environment.TickCount64 + _timeout;

    private void Request(string request)
    {
        IsToldOfStops = false;
        Send([.. Interrupt, .. RemoteProtocol.Frame(request)]);
    }

    private byte[] Answer(string request, long deadline, Func<byte[], bool> isAnswer)
    {
        for (bool isLate = false; !isLate && TryReceive(null, deadline, out byte[]? packet); isLate = Environment.TickCount64 > deadline)
        {
            if (packet is not null && isAnswer(packet))
                return packet;
        }
        throw new VmiException(VmiErrorCode.Timeout, $"QEMU's gdbstub did not answer '{request}' within {_timeout / 1000.0:0.#} s.");
    }

    /// <summary>The next packet, or null for a stop, which is queued. False where the time is over or the signal was given.</summary>
    private bool TryReceive(EventSignal? signal, long deadline, out byte[]? packet)
    {
        // Whoever never falls silent gets no more time than whoever is.
        bool isLate = false;
        while (!_protocol.TryTake(out packet))
        {
            if (isLate || !Readiness.Wait(_socket, signal, (int)Math.Max(0, deadline - Environment.TickCount64)))
                return false;
            int got;
            try
            {
                got = _socket.Receive(_buffer);
            }
            catch (SocketException e)
            {
                throw Closed(e);
            }
            if (got == 0)
                throw Closed(null);
            _protocol.Feed(_buffer.AsSpan(0, got));
            isLate = Environment.TickCount64 > deadline;
        }
        if (StopReply.Is(packet))
        {
            if (_stops.Count == MaxStops)
                throw Violation("more stops than there can be");
            _stops.Enqueue(StopReply.Parse(packet));
            packet = null;
        }
        return true;
    }

    private static void Refuse(byte[]? unasked)
    {
        if (unasked is not null)
            throw Violation($"'{Encoding.ASCII.GetString(unasked)}' where nothing was asked");
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty)
                bytes = bytes[_socket.Send(bytes)..];
        }
        catch (SocketException e)
        {
            throw Closed(e);
        }
    }

    private static VmiException Closed(Exception? inner) =>
        new(VmiErrorCode.StubLost, "QEMU has closed the connection to its gdbstub: another client has opened it anew, or QEMU has ended.", null, inner);

    private static VmiException Violation(string what) => new(VmiErrorCode.MonitorProtocol, $"QEMU's gdbstub broke its protocol: {what}.");
}
