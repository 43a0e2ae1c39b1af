using System.Globalization;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines.Processes;

namespace VmiPl.Streams.Network;

/// <summary>Frames of a host's interface: where vhost carries a NIC's frames past QEMU, its tap still sees them all.</summary>
internal sealed class InterfaceCapture : NetworkCapture
{
    private const int MaxFrame = 256 * 1024, LookEveryMs = 200, LastFramesMs = 1000;
    private readonly string _name;
    private readonly ICaptureSink _sink;
    private readonly PacketSocket _socket;
    private readonly Thread _reader;
    private long _stopAt = long.MaxValue;   // tick count; what came before it is still taken, in bounded time

    public InterfaceCapture(int processId, string name, ICaptureSink sink)
    {
        _name = name;
        _sink = sink;
        string network = ProcFs.Link(processId, "ns/net", out _) ?? "";
        if (network.Length > 0 && network != NativeFile.ReadLink("/proc/self/ns/net", out _))
            throw new VmiException(
                VmiErrorCode.NotSupported,
                $"vhost carries the frames past QEMU, and the tap '{name}' is in another network namespace: run in that one (nsenter --net --target {processId}), or start the guest with vhost=off.",
                name);
        if (!File.Exists($"/sys/class/net/{name}/ifindex"))
            throw new VmiException(VmiErrorCode.NotSupported, $"vhost carries the frames past QEMU, and this host has no interface '{name}' to capture them from.", name);
        int index = int.Parse(File.ReadAllText($"/sys/class/net/{name}/ifindex"), CultureInfo.InvariantCulture);
        _socket = PacketSocket.TryOpen(index, out int error) ?? throw new VmiException(
            VmiErrorCode.AccessDenied,
            $"vhost carries the frames past QEMU, and on the tap '{name}' this user may not capture ({Errno.Text(error)}): run with CAP_NET_RAW, or start the guest with vhost=off.",
            name);
        _reader = new Thread(Run) { IsBackground = true, Name = "VmiPl frames", Priority = ThreadPriority.AboveNormal };
        _reader.Start();
    }

    /// <inheritdoc/>
    public override string Description => $"host interface {_name}";

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Volatile.Write(ref _stopAt, Environment.TickCount64);
        _reader.Join();
        _socket.Dispose();
    }

    private void Run()
    {
        byte[] buffer = new byte[MaxFrame];
        for (long late = 0; late < LastFramesMs;)
        {
            late = Environment.TickCount64 - Volatile.Read(ref _stopAt);
            int got = _socket.Read(buffer, out int length, out int error);
            if (got >= 0)
            {
                _sink.Frame(new PcapFrame(DateTime.UtcNow, buffer.AsSpan(0, got).ToArray(), length));
                continue;
            }
            if (_socket.TakeDropped() is > 0 and var dropped)
                _sink.Lost(dropped);
            if (got == -2)
            {
                _sink.Trouble($"The capture of frames has ended: {Errno.Text(error)}.");
                return;
            }
            if (late >= 0)
                return;
            _socket.Wait(LookEveryMs);
        }
    }
}
