using System.Net.Sockets;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Streams.Network;

/// <summary>The other end of a QEMU's <c>-netdev dgram</c>: a test that is the guest's whole network.</summary>
internal sealed class PeerSocket : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { SendTimeout = 20_000 };
    private readonly Thread _receiver;
    private long _received;

    public PeerSocket()
    {
        _socket.Bind(new UnixDomainSocketEndPoint(_folder.File("r")));
        _receiver = new Thread(() =>
        {
            byte[] buffer = new byte[70_000];
            try
            {
                while (_socket.Receive(buffer) > 0)
                    Interlocked.Increment(ref _received);
            }
            catch (SocketException)
            {
                // closed
            }
        }) { IsBackground = true };
        _receiver.Start();
    }

    public string Netdev => $"-netdev dgram,id=n0,local.type=unix,local.path={_folder.File("l")},remote.type=unix,remote.path={_folder.File("r")}";

    public string File(string name) => _folder.File(name);

    public long Received => Interlocked.Read(ref _received);

    /// <summary>Gives QEMU a frame; waits while it has no room.</summary>
    public void Send(byte[] frame) => _socket.SendTo(frame, new UnixDomainSocketEndPoint(_folder.File("l")));

    /// <summary>A frame of an experimental type for everybody, with its number.</summary>
    public static byte[] Frame(int number, int size)
    {
        byte[] frame = new byte[size];
        new Random(number).NextBytes(frame);
        frame.AsSpan(0, 6).Fill(0xff);
        frame[6] = 2;
        (frame[12], frame[13]) = (0x88, 0xb6);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(14), number);
        return frame;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _receiver.Join();
        _folder.Dispose();
    }
}
