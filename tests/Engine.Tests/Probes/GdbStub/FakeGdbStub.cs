using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>A machine with two vCPUs and a gdbstub that takes bytes as QEMU's does (gdbstub.c of 7.2 and 11.1, gdb_read_byte): a running
/// machine is stopped by any byte, which is lost; an answer that is not acknowledged makes it deaf to all but <c>+</c> and
/// <c>$</c>; a packet that was cut short stays in its buffer, also for the next client; a command after a detach crashes it. From 8.1 on a stop
/// is told only where the last byte was the end of a packet that may resume the machine, or 0x03 while it ran.</summary>
internal sealed class FakeGdbStub : IDisposable
{
    private enum Reading { Idle, Line, Escape, Repeat, FirstDigit, SecondDigit }

    private const int BufferBytes = 4096;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Lock _lock = new();
    private readonly ManualResetEventSlim _awake = new(initialState: true);
    private readonly bool _knowsNoAck, _tellsAllStops;
    private readonly HashSet<string>[] _breakpoints = [[], []];
    private readonly StringBuilder _line = new();
    private Socket? _client;
    private Reading _state;
    private byte _sum, _check;
    private int _chosen;
    private bool _isAtEvent, _attached, _mayTell, _acks = true, _waitsForAck, _closed;

    public FakeGdbStub(string path, bool knowsNoAck, bool tellsAllStops = true)
    {
        _knowsNoAck = knowsNoAck;
        _tellsAllStops = tellsAllStops;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
        _ = Task.Run(Serve);
    }

    public bool IsRunning { get; private set; } = true;

    /// <summary>What the human monitor's <c>info status</c> says.</summary>
    public string Status => IsRunning ? "running" : _isAtEvent ? "paused (debug)" : "paused";

    /// <summary>It was sent what makes QEMU 7.2 fall over.</summary>
    public bool HasCrashed { get; private set; }

    /// <summary>How often it was stopped.</summary>
    public int Stops { get; private set; }

    /// <summary>Commands that change the guest's memory or registers and were carried out.</summary>
    public List<string> Writes { get; } = [];

    public int BreakpointCount
    {
        get
        {
            lock (_lock)
                return _breakpoints.Sum(b => b.Count);
        }
    }

    /// <summary>QEMU's main loop stands still, until it is released.</summary>
    public void Hang() => _awake.Reset();

    public void Wake() => _awake.Set();

    /// <summary>A vCPU runs into a breakpoint.</summary>
    public void Hit() => Stop("T05thread:01;");

    /// <summary>The monitor's <c>stop</c> and <c>cont</c>.</summary>
    public void PauseByMonitor() => Stop("T02thread:01;");

    public void ContinueByMonitor()
    {
        lock (_lock)
            IsRunning = true;
    }

    /// <summary><c>gdbserver none</c>, or the end of QEMU.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _client?.Dispose();
        }
        _listener.Dispose();
    }

    public void Dispose()
    {
        _awake.Set();
        Close();
        _awake.Dispose();
    }

    private void Serve()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (!HasCrashed)
            {
                using Socket client = _listener.Accept();
                _awake.Wait();
                lock (_lock)
                {
                    _client = client;
                    _attached = true;
                    _mayTell = false;
                    _chosen = 0;
                }
                PauseByMonitor();
                for (int got; (got = Receive(client, buffer)) > 0 && !HasCrashed;)
                {
                    _awake.Wait();
                    lock (_lock)
                    {
                        foreach (byte b in buffer.AsSpan(0, got))
                            Take(b);
                    }
                }
                lock (_lock)
                    _client = null;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    /// <summary>A client that goes with answers unread resets the connection: its end all the same.</summary>
    private static int Receive(Socket client, byte[] buffer)
    {
        try
        {
            return client.Receive(buffer);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }

    private void Stop(string news)
    {
        lock (_lock)
        {
            if (!IsRunning)
                return;
            IsRunning = false;
            _isAtEvent = news.StartsWith("T05", StringComparison.Ordinal);
            Stops++;
            if (_attached && (_tellsAllStops || _mayTell))
            {
                Answer(news);
                _mayTell = false;
            }
        }
    }

    private void Take(byte b)
    {
        if (HasCrashed)
            return;
        _mayTell = false;
        if (_waitsForAck)
        {
            if (b is (byte)'+' or (byte)'$')
                _waitsForAck = false;
            if (b != '$')
                return;
        }
        if (IsRunning)
        {
            _mayTell = b == 3;
            Stop("T02thread:01;");
            return;
        }
        Read(b);
    }

    private void Read(byte b)
    {
        switch (_state)
        {
            case Reading.Idle:
                if (b == '$')
                    (_state, _sum) = (Reading.Line, 0);
                _line.Clear();
                break;
            case Reading.Line when b == '}':
                (_state, _sum) = (Reading.Escape, (byte)(_sum + b));
                break;
            case Reading.Line when b == '*':
                (_state, _sum) = (Reading.Repeat, (byte)(_sum + b));
                break;
            case Reading.Line when b == '#':
            case Reading.Escape when b == '#':
                _state = Reading.FirstDigit;
                break;
            case Reading.Line:
                Add((char)b, 1, b);
                break;
            case Reading.Escape:
                Add((char)(b ^ 0x20), 1, b);
                break;
            case Reading.Repeat:
                if (b is < 32 or (byte)'#' or (byte)'$' or > 126 || _line.Length < 1)
                    _state = Reading.Line;
                else
                    Add(_line[^1], b - 32 + 3, b);
                break;
            case Reading.FirstDigit:
                _state = char.IsAsciiHexDigit((char)b) ? Reading.SecondDigit : Reading.Line;
                _check = (byte)b;
                break;
            case Reading.SecondDigit:
                if (!char.IsAsciiHexDigit((char)b))
                {
                    _state = Reading.Line;
                    break;
                }
                _state = Reading.Idle;
                bool fits = byte.Parse($"{(char)_check}{(char)b}", NumberStyles.HexNumber, CultureInfo.InvariantCulture) == _sum;
                if (_acks)
                    Send(fits ? "+" : "-");
                if (fits)
                    Run(_line.ToString());
                break;
        }
    }

    private void Add(char c, int count, byte b)
    {
        _sum += b;
        _state = _line.Length + count >= BufferBytes - 1 ? Reading.Idle : Reading.Line;
        if (_state == Reading.Line)
            _line.Append(c, count);
    }

    private void Run(string command)
    {
        // No vCPU is chosen after a detach: QEMU follows a null pointer.
        if (!_attached)
        {
            HasCrashed = true;
            _client?.Dispose();
            return;
        }
        switch (command)
        {
            case "?":
                _breakpoints[_chosen].Clear();
                Answer("T05thread:01;");
                break;
            case "c":
                IsRunning = _mayTell = true;
                break;
            case "vCont;x":
                _mayTell = true;
                Answer("");
                break;
            case "D;1" or "D":
                foreach (HashSet<string> each in _breakpoints)
                    each.Clear();
                _attached = false;
                IsRunning = true;
                Answer("OK");
                break;
            case "QStartNoAckMode" when _knowsNoAck:
                Answer("OK");
                _acks = _waitsForAck = false;
                break;
            case "Hcp1.1" or "Hcp1.2":
                _chosen = command[^1] - '1';
                Answer("OK");
                break;
            case ['H', ..]:
                Answer("E22");
                break;
            case ['Z', ..]:
                foreach (HashSet<string> each in _breakpoints)
                    each.Add(command);
                Answer("OK");
                break;
            case ['M' or 'X' or 'P' or 'G', ..]:
                Writes.Add(command);
                Answer("OK");
                break;
            case ['m', ..]:
                Answer(new string('0', 512));
                break;
            default:
                Answer("");
                break;
        }
    }

    private void Answer(string text)
    {
        Send(Packet(text));
        _waitsForAck = _acks;
    }

    private void Send(string text)
    {
        try
        {
            if (!_closed)
                _client?.Send(Encoding.Latin1.GetBytes(text));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The client is gone; QEMU goes on with what it had received.
        }
    }

    /// <summary>A packet of the remote protocol.</summary>
    public static string Packet(string text) => $"${text}#{(byte)text.Sum(c => c):x2}";
}
