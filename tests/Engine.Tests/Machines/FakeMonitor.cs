using System.Net.Sockets;
using System.Text;
using VmiPl.Machines.CommandLine;

namespace VmiPl.Tests.Machines;

/// <summary>A scripted peer on a real Unix socket: what QEMU never does in a test's reach (garbage, silence, a reply cut short).
/// Serves connections one after the other; <c>serve</c> gets the connection's number from 0 on.</summary>
internal sealed class FakeMonitor : IDisposable
{
    public const string Greeting = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n";
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("vmipl-").FullName, "s");
    private readonly List<Socket> _clients = [];

    public FakeMonitor(Action<NetworkStream, int> serve)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(_path));
        _listener.Listen(8);
        _ = Task.Run(() =>
        {
            try
            {
                for (int number = 0; ; number++)
                {
                    Socket client = _listener.Accept();
                    _clients.Add(client);
                    using var stream = new NetworkStream(client);
                    try
                    {
                        serve(stream, number);
                        client.Shutdown(SocketShutdown.Both);
                    }
                    catch (IOException)
                    {
                        // The client hung up; the next one may come.
                    }
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        });
    }

    public MonitorEndpoint Endpoint => new(MonitorKind.Qmp, _path);

    public static void Send(NetworkStream stream, string text) => stream.Write(Encoding.UTF8.GetBytes(text));

    /// <summary>Reads one command and gives its id.</summary>
    public static string ReadId(NetworkStream stream)
    {
        var line = new StringBuilder();
        int b;
        while ((b = stream.ReadByte()) is not ('\n' or -1))
            line.Append((char)b);
        string text = line.ToString();
        return text[(text.LastIndexOf(':') + 1)..].TrimEnd('}');
    }

    /// <summary>Plays QEMU: greets, then answers every command with the given result until the client goes.</summary>
    public static void Serve(NetworkStream stream, string result)
    {
        Send(stream, Greeting);
        for (string id = ReadId(stream); id.Length > 0; id = ReadId(stream))
            Send(stream, $"{{\"return\": {result}, \"id\": {id}}}\r\n");
    }

    public void Dispose()
    {
        _listener.Dispose();
        foreach (Socket client in _clients)
            client.Dispose();
        Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);
    }
}
