using System.Globalization;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Streams.Network;

/// <summary>Frames out of QEMU's <c>filter-dump</c>, put on the NIC's netdev while the guest runs. Where the dump ends because we were too
/// slow, it is begun anew and the gap is told.</summary>
internal sealed class FilterDumpCapture : NetworkCapture
{
    private const int MaxFrame = 256 * 1024;   // a frame of segmentation offload has up to 64 KiB
    private const int LookEveryMs = 200;
    private static int _count;
    private readonly VmiMachine _machine;
    private readonly int _processId;
    private readonly IMachineMonitor _monitor;
    private readonly NetworkBackend _backend;
    private readonly ICaptureSink _sink;
    private readonly Lock _control = new();
    private readonly Thread _reader;
    private readonly HostClock _clock = new();
    private QemuPipe _pipe;
    private string _id = "";
    private volatile bool _stopping, _abandoned, _isCut;
    private bool _disposed;

    public FilterDumpCapture(VmiMachine machine, int processId, IMachineMonitor monitor, NetworkBackend backend, ICaptureSink sink)
    {
        _machine = machine;
        _processId = processId;
        _monitor = monitor;
        _backend = backend;
        _sink = sink;
        _pipe = Begin();
        _reader = new Thread(Run) { IsBackground = true, Name = "VmiPl frames", Priority = ThreadPriority.AboveNormal };
        _reader.Start();
    }

    /// <inheritdoc/>
    public override string Description => $"filter-dump on netdev {_backend.Name}";

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_control)
        {
            if (_disposed)
                return;
            _disposed = true;
            // QEMU closes its end with the object: the reader then comes to an end of file, behind the last frame. It may have done so before, and
            // the reader not have come to it yet.
            _isCut = _pipe.IsClosed;
            _stopping = true;
            _abandoned = !TryRemove();
        }
        _reader.Join();
        _pipe.Dispose();
    }

    private QemuPipe Begin()
    {
        var pipe = new QemuPipe(_processId, isBuffered: true);
        _id = string.Create(CultureInfo.InvariantCulture, $"vmipl-{Environment.ProcessId}-{Interlocked.Increment(ref _count)}");
        bool begun = false;
        try
        {
            string file = pipe.QemuPath.Replace(",", ",,", StringComparison.Ordinal);
            begun = true;
            Demand(string.Create(CultureInfo.InvariantCulture, $"object_add filter-dump,id={_id},netdev={_backend.Name},file={file},maxlen={MaxFrame}"));
            pipe.Secure();
            return pipe;
        }
        catch
        {
            // Also where the answer did not come: QEMU may still have done it.
            if (begun)
                TryRemove();
            pipe.Dispose();
            throw;
        }
    }

    private void Demand(string command)
    {
        // Silent unless it fails.
        string answer = _monitor.HumanCommand(command).Trim();
        if (answer.Length > 0)
            throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU refused '{command}': {answer}", _backend.Name);
    }

    private bool TryRemove()
    {
        try
        {
            Demand($"object_del {_id}");
            return true;
        }
        catch (VmiException)
        {
            return false;   // QEMU is gone or does not answer; once our end is closed, the dump ends with the next frame
        }
    }

    private void Run()
    {
        var frames = new PcapReader();
        byte[] buffer = new byte[1 << 20];
        while (!_abandoned)
        {
            DateTime before = DateTime.UtcNow;
            int got = _pipe.Read(buffer);
            if (got > 0)
            {
                DateTime now = DateTime.UtcNow;
                frames.Feed(buffer.AsSpan(0, got), frame => _sink.Frame(frame with { Time = _clock.Map(frame.Time, now) }));
            }
            else if (got < 0)
            {
                _clock.SawNothing(before);
                _pipe.Wait(LookEveryMs);
            }
            if ((got == 0 || frames.Error is not null) && !TryGoOn(ref frames))
                return;
        }
    }

    /// <summary>The dump has ended: by our will, or QEMU's, or because it broke.</summary>
    private bool TryGoOn(ref PcapReader frames)
    {
        lock (_control)
        {
            string why = frames.Error ?? "QEMU ended the capture because it was read too slowly.";
            if (_stopping)
            {
                if (_isCut || frames.Error is not null)
                    _sink.Trouble($"{why} The last frames before its end are missing, and nobody knows how many.");
                return false;
            }
            try
            {
                _machine.Process?.Demand();
                TryRemove();
                _pipe.Dispose();
                _pipe = Begin();
                frames = new PcapReader();
                _sink.Trouble($"{why} It was begun anew; frames between are missing, and nobody knows how many.");
                return true;
            }
            catch (VmiException e)
            {
                _sink.Trouble($"The capture of frames has ended: {e.Message}");
                return false;
            }
        }
    }
}
