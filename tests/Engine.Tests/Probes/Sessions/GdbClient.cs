using System.Net.Sockets;
using System.Text;
using VmiPl.Tests.Probes.GdbStub;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Somebody else who is connected to a gdbstub.</summary>
internal sealed class GdbClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };

    public GdbClient(string path) => _socket.Connect(new UnixDomainSocketEndPoint(path));

    /// <summary>Sends a request and gives its answer; news of stops are left out.</summary>
    public string Ask(string request)
    {
        _socket.Send(Encoding.ASCII.GetBytes("+" + FakeGdbStub.Packet(request)));
        while (true)
        {
            string answer = Read();
            if (!answer.StartsWith('T'))
                return answer;
        }
    }

    public void Dispose() => _socket.Dispose();

    private string Read()
    {
        var text = new StringBuilder();
        byte[] one = new byte[1];
        while (_socket.Receive(one) == 1 && one[0] != '#')
        {
            text.Append((char)one[0]);
            if (one[0] is (byte)'$')
                text.Clear();
        }
        _socket.Receive(one);
        _socket.Receive(one);
        return text.ToString();
    }
}
