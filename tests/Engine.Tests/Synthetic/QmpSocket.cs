using System.Net.Sockets;
using System.Text.Json;

namespace VmiPl.Tests.Synthetic;

/// <summary>The least that speaks QMP: for tests that need QEMU to do something and do not test the product's own client.</summary>
internal sealed class QmpSocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly StreamReader _answers;

    public QmpSocket(string path)
    {
        _socket.Connect(new UnixDomainSocketEndPoint(path));
        _answers = new StreamReader(new NetworkStream(_socket));
        _answers.ReadLine();
        Execute("qmp_capabilities");
    }

    /// <summary>Runs a command and gives what it returns; events on the way are left out.</summary>
    public JsonElement Execute(string command, object? arguments = null)
    {
        _socket.Send(JsonSerializer.SerializeToUtf8Bytes(arguments is null ? new { execute = command } : (object)new { execute = command, arguments }));
        while (true)
        {
            JsonElement answer = JsonDocument.Parse(_answers.ReadLine() ?? throw new IOException("QEMU closed its monitor")).RootElement;
            if (answer.TryGetProperty("error", out JsonElement error))
                throw new IOException($"{command}: {error}");
            if (answer.TryGetProperty("return", out JsonElement value))
                return value;
        }
    }

    public string Human(string line) => Execute("human-monitor-command", new Dictionary<string, string> { ["command-line"] = line }).GetString()!;

    public void Dispose()
    {
        _answers.Dispose();
        _socket.Dispose();
    }
}
