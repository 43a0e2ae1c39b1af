using System.Buffers;
using System.Text;
using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>GDB's remote serial protocol with no socket in it (GDB manual, appendix E "Remote Serial Protocol"): bytes go in as they come, in
/// pieces of any size, and packets come out with escapes and repeats undone. A packet with a wrong checksum ends the protocol, as a
/// Unix socket loses nothing; acknowledgements are passed over. Every bound is checked before memory is taken. Not thread-safe.</summary>
internal sealed class RemoteProtocol
{
    /// <summary>Bytes of the longest packet taken; QEMU's own bound is 4096 characters, and repeats make them more.</summary>
    public const int MaxPacketBytes = 1 << 20;

    private enum State { Idle, Body, Escaped, Repeat, FirstDigit, SecondDigit }

    private readonly ArrayBufferWriter<byte> _packet = new(4096);
    private readonly Queue<byte[]> _ready = new();
    private State _state;
    private byte _sum, _last;
    private int _given;

    /// <summary>Takes the next bytes of the connection. Throws <c>MonitorProtocol</c> where they can't be the protocol's.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
            Feed(b);
    }

    /// <summary>The next whole packet's content, or false where more bytes are needed.</summary>
    public bool TryTake(out byte[] packet) => _ready.TryDequeue(out packet!);

    /// <summary>A packet as it goes over the wire. The payload is ASCII without characters that need an escape.</summary>
    public static byte[] Frame(string payload)
    {
        byte[] framed = new byte[payload.Length + 4];
        framed[0] = (byte)'$';
        Encoding.ASCII.GetBytes(payload, framed.AsSpan(1));
        byte sum = 0;
        foreach (byte b in framed.AsSpan(1, payload.Length))
            sum += b;
        framed[^3] = (byte)'#';
        framed[^2] = HexDigit(sum >> 4);
        framed[^1] = HexDigit(sum & 15);
        return framed;
    }

    private void Feed(byte b)
    {
        switch (_state)
        {
            case State.Idle:
                if (b == '$')
                    Begin();
                else if (b is not ((byte)'+' or (byte)'-'))
                    throw Violation($"a byte 0x{b:x2} between packets");
                break;
            case State.Body:
                Content(b);
                break;
            case State.Escaped:
                _sum += b;
                Add((byte)(b ^ 0x20), 1);
                _state = State.Body;
                break;
            case State.Repeat:
                _sum += b;
                if (b < 29 || _packet.WrittenCount == 0)
                    throw Violation("a repeat of nothing");
                Add(_last, b - 29);
                _state = State.Body;
                break;
            case State.FirstDigit:
                _given = HexValue(b) << 4;
                _state = State.SecondDigit;
                break;
            case State.SecondDigit:
                End(_given | HexValue(b));
                break;
        }
    }

    private void Begin()
    {
        _packet.ResetWrittenCount();
        _sum = 0;
        _state = State.Body;
    }

    private void Content(byte b)
    {
        if (b == '#')
        {
            _state = State.FirstDigit;
            return;
        }
        if (b == '$')
        {
            // A packet that was given up; the sender has begun anew.
            Begin();
            return;
        }
        _sum += b;
        if (b == '}')
            _state = State.Escaped;
        else if (b == '*')
            _state = State.Repeat;
        else
            Add(b, 1);
    }

    private void Add(byte b, int count)
    {
        if (count > MaxPacketBytes - _packet.WrittenCount)
            throw Violation($"a packet of more than {MaxPacketBytes} bytes");
        _packet.GetSpan(count)[..count].Fill(b);
        _packet.Advance(count);
        _last = b;
    }

    private void End(int given)
    {
        _state = State.Idle;
        if (given != _sum)
            throw Violation("a wrong checksum");
        _ready.Enqueue(_packet.WrittenSpan.ToArray());
    }

    private static byte HexDigit(int value) => (byte)"0123456789abcdef"[value];

    private static int HexValue(byte b) => char.IsAsciiHexDigit((char)b)
        ? Convert.ToInt32(((char)b).ToString(), 16)
        : throw Violation("a checksum that is no number");

    private static VmiException Violation(string what) => new(VmiErrorCode.MonitorProtocol, $"QEMU's gdbstub broke its protocol: {what}.");
}
