using System.Buffers;
using System.Buffers.Binary;

namespace VmiPl.Streams.Network;

/// <summary>A classic pcap stream (draft-ietf-opsawg-pcap) with no file in it: bytes go in as they come, in pieces of any size, and frames come out.
/// Understands both byte orders, micro- and nanoseconds. Untrusted: what is no pcap stream of Ethernet frames sets <see cref="Error"/>, after
/// which nothing comes any more. Never throws; not thread-safe.</summary>
public sealed class PcapReader
{
    /// <summary>Bytes before the first frame.</summary>
    public const int HeaderSize = 24;
    /// <summary>Bytes before each frame.</summary>
    public const int RecordSize = 16;
    internal const uint MicrosecondMagic = 0xa1b2c3d4, NanosecondMagic = 0xa1b23c4d;
    internal const uint Ethernet = 1;   // LINKTYPE_ETHERNET
    private const int MaxFrame = 1 << 20;
    private readonly ArrayBufferWriter<byte> _pending = new(64 * 1024);
    private bool _hasHeader, _bigEndian;
    private long _fractionsPerTick = 1, _ticksPerFraction = 1;

    /// <summary>Why the stream cannot be read on, or null.</summary>
    public string? Error { get; private set; }

    /// <summary>Bytes of a frame whose end has not come yet.</summary>
    public int PendingBytes => _pending.WrittenCount;

    /// <summary>Takes the next bytes and hands on each frame that they complete.</summary>
    public void Feed(ReadOnlySpan<byte> bytes, Action<PcapFrame> take)
    {
        if (Error is not null)
            return;
        if (_pending.WrittenCount == 0)
        {
            _pending.Write(bytes[Consume(bytes, take)..]);
            return;
        }
        _pending.Write(bytes);
        ReadOnlySpan<byte> all = _pending.WrittenSpan;
        int used = Consume(all, take);
        if (used == 0)
            return;
        byte[] rest = all[used..].ToArray();
        _pending.ResetWrittenCount();
        _pending.Write(rest);
    }

    /// <summary>Bytes that were used up.</summary>
    private int Consume(ReadOnlySpan<byte> bytes, Action<PcapFrame> take)
    {
        int at = 0;
        if (!_hasHeader)
        {
            if (bytes.Length < HeaderSize)
                return 0;
            if (!TryReadHeader(bytes))
                return bytes.Length;
            at = HeaderSize;
        }
        while (bytes.Length - at >= RecordSize)
        {
            ReadOnlySpan<byte> record = bytes[at..];
            uint captured = UInt32(record[8..]), length = UInt32(record[12..]);
            if (captured > MaxFrame)
            {
                Error = $"The capture has a frame of {captured} bytes, which no network has.";
                return bytes.Length;
            }
            if (record.Length - RecordSize < captured)
                break;
            take(new PcapFrame(TimeOf(record), record.Slice(RecordSize, (int)captured).ToArray(), (int)Math.Min(Math.Max(length, captured), int.MaxValue)));
            at += RecordSize + (int)captured;
        }
        return at;
    }

    private bool TryReadHeader(ReadOnlySpan<byte> header)
    {
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(header);
        _bigEndian = BinaryPrimitives.ReverseEndianness(magic) is MicrosecondMagic or NanosecondMagic;
        magic = UInt32(header);
        if (magic == MicrosecondMagic)
            _ticksPerFraction = TimeSpan.TicksPerMicrosecond;
        else if (magic == NanosecondMagic)
            _fractionsPerTick = TimeSpan.NanosecondsPerTick;
        else
            Error = $"The capture begins with 0x{magic:x8}, which is no pcap stream.";
        // The upper bits may tell of a frame check sequence.
        uint link = UInt32(header[20..]) & 0x0fffffff;
        if (Error is null && link != Ethernet)
            Error = $"The capture is of link type {link}; only Ethernet (1) is understood.";
        _hasHeader = Error is null;
        return _hasHeader;
    }

    private DateTime TimeOf(ReadOnlySpan<byte> record) =>
        DateTime.UnixEpoch.AddTicks(UInt32(record) * TimeSpan.TicksPerSecond + UInt32(record[4..]) * _ticksPerFraction / _fractionsPerTick);

    private uint UInt32(ReadOnlySpan<byte> bytes) =>
        _bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
