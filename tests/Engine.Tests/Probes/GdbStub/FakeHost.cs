using System.Net.Sockets;
using System.Text;
using VmiPl.Machines.Processes;
using VmiPl.Probes.GdbStub;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>How the fake machine's monitor behaves.</summary>
public enum MonitorManner { Answers, Hangs, Missing }

/// <summary>A host with a guardian and a fake machine, and the host's death: that closes its sockets and nothing else.</summary>
internal sealed class FakeHost : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TemporaryFolder _parent = new();
    private readonly FakeMonitor _monitor;
    private readonly ProcessIdentity _guardian;

    public FakeHost(bool noAck = false, MonitorManner manner = MonitorManner.Answers, bool listens = true, IReadOnlyList<string>? words = null)
    {
        Folder = SessionFolder.Create(VmiPl.Interop.NativeFolder.UserId, _parent.FullName);
        if (listens)
            Stub = new FakeGdbStub(Folder.SocketPath, noAck);
        _monitor = new FakeMonitor((stream, _) => Serve(stream, manner));
        words ??= manner == MonitorManner.Missing ? [] : _monitor.Endpoint.ForAnotherProgram();
        Guardian = Guardian.Start(Folder.SocketPath, words);
        _guardian = ProcessIdentity.Open(Guardian.ProcessId);
    }

    public SessionFolder Folder { get; }

    public FakeGdbStub? Stub { get; set; }

    public Guardian Guardian { get; }

    public Socket? Connection { get; private set; }

    /// <summary>Lines that the monitor was asked.</summary>
    public List<string> Asked { get; } = [];

    public bool GuardianLives => _guardian.IsAlive();

    /// <summary>Connects, and where the stub can, ends acknowledgments; then two breakpoints, and the machine runs.</summary>
    public void Attach(bool noAck)
    {
        Connection = Guardian.Connect(Patience);
        Connection.ReceiveTimeout = (int)Patience.TotalMilliseconds;
        ReadUntil("T02thread:01;");
        Send("+");
        if (noAck)
            Ask("QStartNoAckMode", "OK", acknowledge: true);
        Ask("Z0,1000,1", "OK", !noAck);
        Ask("Z0,2000,1", "OK", !noAck);
        Send(FakeGdbStub.Packet("c"));
        IdleQemu.Await(() => Stub!.IsRunning);
    }

    public void Send(string text) => Connection!.Send(Encoding.Latin1.GetBytes(text));

    public void Ask(string command, string answer, bool acknowledge)
    {
        Send(FakeGdbStub.Packet(command));
        ReadUntil(answer);
        if (acknowledge)
            Send("+");
    }

    /// <summary>Reads, byte by byte, to the end of a packet of that text.</summary>
    public void ReadUntil(string text)
    {
        string end = FakeGdbStub.Packet(text);
        var read = new StringBuilder();
        byte[] one = new byte[1];
        while (!read.ToString().EndsWith(end, StringComparison.Ordinal))
        {
            Assert.Equal(1, Connection!.Receive(one));
            read.Append((char)one[0]);
        }
    }

    /// <summary>Waits until QEMU has sent something that this host does not read.</summary>
    public void AwaitUnread() => IdleQemu.Await(() => Connection!.Available > 0);

    /// <summary>What the kernel does for a killed process.</summary>
    public void Die()
    {
        Connection?.Dispose();
        Guardian.Dispose();
    }

    public void AwaitGuardiansEnd()
    {
        IdleQemu.Await(() => !_guardian.IsAlive());
        Assert.False(Directory.Exists(Folder.FullName));
    }

    public void Dispose()
    {
        Stub?.Dispose();
        Connection?.Dispose();
        Guardian.Dispose();
        _monitor.Dispose();
        IdleQemu.Await(() => !_guardian.IsAlive());
        _guardian.Dispose();
        Folder.Dispose();
        _parent.Dispose();
    }

    private void Serve(NetworkStream stream, MonitorManner manner)
    {
        if (manner == MonitorManner.Hangs)
        {
            stream.ReadByte();
            return;
        }
        FakeMonitor.Send(stream, FakeMonitor.Greeting);
        using var lines = new StreamReader(stream);
        while (lines.ReadLine() is { } line)
        {
            // Events come at any time.
            FakeMonitor.Send(stream, "{\"timestamp\": {\"seconds\": 1}, \"event\": \"STOP\"}\r\n");
            string answer = "{}";
            if (line.Contains("info status", StringComparison.Ordinal))
                answer = $"\"VM status: {Stub!.Status}\\r\\n\"";
            if (line.Contains("gdbserver none", StringComparison.Ordinal))
                Stub?.Close();
            lock (Asked)
                Asked.Add(line);
            FakeMonitor.Send(stream, $"{{\"return\": {answer}}}\r\n");
        }
    }

    public bool HasAsked(string line)
    {
        lock (Asked)
            return Asked.Any(a => a.Contains(line, StringComparison.Ordinal));
    }
}
