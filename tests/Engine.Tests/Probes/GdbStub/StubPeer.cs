using System.Net.Sockets;
using System.Text;
using VmiPl.Probes.GdbStub;
using VmiPl.Tests.Machines;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>A connection to a stub whose other end a test plays, without QEMU's peculiarities: see <see cref="FakeGdbStub"/> for these.</summary>
internal sealed class StubPeer : IDisposable
{
    /// <summary>How long an answer is waited for where it will come.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeMonitor _peer;

    /// <summary>The connection ends when <paramref name="serve"/> does.</summary>
    public StubPeer(Action<NetworkStream> serve, TimeSpan? timeout = null)
    {
        _peer = new FakeMonitor((stream, _) => serve(stream));
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(_peer.Endpoint.Path!));
        Connection = new StubConnection(socket, timeout ?? Patience);
    }

    public StubConnection Connection { get; }

    /// <summary>Plays a stub that has answers to each request, and none where that is null.</summary>
    public static StubPeer Answering(Func<string, string[]?> answer) => new(stream =>
    {
        while (Read(stream) is { } request && answer(request) is { } answers)
            Send(stream, answers);
    });

    /// <summary>The next request, or null where there is none any more.</summary>
    public static string? Read(NetworkStream stream)
    {
        var request = new StringBuilder();
        for (int b; (b = stream.ReadByte()) >= 0;)
        {
            if (b == '$')
                request.Clear();
            else if (b == '#')
                return stream.ReadByte() >= 0 && stream.ReadByte() >= 0 ? request.ToString() : null;
            else
                request.Append((char)b);
        }
        return null;
    }

    public static void Send(NetworkStream stream, params string[] packets) => stream.Write(Encoding.Latin1.GetBytes(string.Concat(packets.Select(FakeGdbStub.Packet))));

    public void Dispose()
    {
        Connection.Dispose();
        _peer.Dispose();
    }
}
