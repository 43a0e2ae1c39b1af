using VmiPl.Language.Model;
using VmiPl.Machines;
using VmiPl.Streams.Keyboard;
using VmiPl.Streams.Network;
using VmiPl.Streams.Packets;

namespace VmiPl.Streams;

/// <summary>One stream probe at work: its capture, and a thread that carries what was captured to the probe's output. Between them lies a queue of
/// this process's own, so that whatever the output waits for, the capture never does: what the queue has no room for is lost and told. Owns
/// the capture; the outputs are the caller's.</summary>
public sealed class StreamProbeRunner : IDisposable, ICaptureSink, IKeySink
{
    private const string NetworkEvent = "CaptureNetwork", KeyboardEvent = "CaptureKeyboardInput";
    /// <summary>Frames have up to 64 KiB, so this bounds the memory too.</summary>
    private const int QueuedRecords = 8192;
    private readonly VmiMachine _machine;
    private readonly StreamProbe _probe;
    private readonly StreamSet _outputs;
    private readonly string _event;
    private readonly RecordStream _queue = new("", new StreamOptions { Capacity = QueuedRecords }, hasReaderThread: true);
    private readonly Thread _carrier;
    private readonly IDisposable _capture;
    private long _sequence;

    private StreamProbeRunner(VmiMachine machine, StreamProbe probe, StreamSet outputs, long firstSequence)
    {
        _sequence = firstSequence;
        _machine = machine;
        _probe = probe;
        _outputs = outputs;
        _event = probe.MacAddress is null ? KeyboardEvent : NetworkEvent;
        _carrier = new Thread(Carry) { IsBackground = true, Name = "VmiPl " + _event };
        _capture = probe.MacAddress is { } mac ? NetworkCapture.Start(machine, mac, this) : KeyboardCapture.Start(machine, this);
        _carrier.Start();
    }

    /// <summary>Starts the capture of a probe; records go to its output in <paramref name="outputs"/>, numbered from
    /// <paramref name="firstSequence"/> on where it was at work before. Throws what
    /// <see cref="NetworkCapture.Start"/> and <see cref="KeyboardCapture.Start"/> throw.</summary>
    public static StreamProbeRunner Start(VmiMachine machine, StreamProbe probe, StreamSet outputs, long firstSequence = 0) =>
        new(machine, probe, outputs, firstSequence);

    /// <summary>Records made so far, those before it and lost ones included.</summary>
    public long Records => Interlocked.Read(ref _sequence);

    /// <summary>Ends the capture, undoes what it did to QEMU, and returns when everything captured is in the outputs. Dispose it before them.</summary>
    public void Dispose()
    {
        _capture.Dispose();
        _queue.Complete();
        if (_carrier != Thread.CurrentThread)
            _carrier.Join();
    }

    void ICaptureSink.Frame(PcapFrame frame) => Take(new FrameRecord
    {
        Time = frame.Time, Frame = frame.Bytes, Length = frame.Length,
        Error = frame.IsTruncated ? $"Only {frame.Bytes.Length} of the frame's {frame.Length} bytes were captured." : null,
    });

    void ICaptureSink.Lost(long count)
    {
        long first = Interlocked.Add(ref _sequence, count) - count;
        _queue.Write((LossRecord)Sign(new LossRecord { Time = DateTime.UtcNow, Lost = count }, first));
    }

    void ICaptureSink.Trouble(string text) => Tell(text);

    void IKeySink.Key(KeyStroke key) => Take(new KeyRecord { Time = key.Time, Key = key.Key, IsPressed = key.IsPressed, Device = key.Device });

    void IKeySink.Trouble(string text) => Tell(text);

    private void Take(VmiRecord record) => _queue.Write(Sign(record, _sequence++));

    /// <summary>A notice is no record of the probe and has no number of its own: it bears that of the record which follows.</summary>
    private void Tell(string text) => _queue.Write(Sign(new NoticeRecord { Time = DateTime.UtcNow, Text = text, Error = text }, _sequence));

    private VmiRecord Sign(VmiRecord record, long sequence) => record with
    {
        Sequence = sequence, Machine = _machine.Name, Vcpu = -1, ProbeId = _probe.Id, Label = _probe.Label, Event = _event, Probe = _event,
        Stream = _probe.Output.Name,
    };

    private void Carry()
    {
        bool toPcap = _probe.MacAddress is not null && _probe.Output.IsFile;
        while (_queue.WaitToRead())
        {
            while (_queue.TryRead(out VmiRecord record))
            {
                // A pcap file has no words for anything but frames, and no use for what they say.
                Output output = toPcap && record is NoticeRecord ? Output.Default : _probe.Output;
                _outputs.Write(output, record is FrameRecord frame && !toPcap ? frame with { Packet = PacketReader.Read(frame.Frame, frame.Length) } : record);
            }
        }
    }
}
