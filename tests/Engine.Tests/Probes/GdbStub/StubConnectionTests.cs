using System.Net.Sockets;
using System.Text;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes.GdbStub;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class StubConnectionTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(50);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_running_machine_is_halted_and_all_its_stops_are_told(bool tellsAllStops)
    {
        using var folder = new TemporaryFolder();
        using var stub = new FakeGdbStub(folder.File("s"), knowsNoAck: false, tellsAllStops);
        using StubConnection connection = Connect(folder);
        connection.Halt();
        Assert.Equal(tellsAllStops, connection.TryTakeStop(out _));
        connection.Resume("c");
        connection.Halt();
        Assert.Equal(2, connection.WaitForStop().Signal);
        stub.ContinueByMonitor();

        connection.Halt();

        Assert.False(stub.IsRunning);
        Assert.True(connection.TryTakeStop(out StopReply stop));
        Assert.Equal(new StopReply(2, "01", null), stop);
        Assert.False(connection.HasStop);
        connection.Halt();
        Assert.False(connection.TryTakeStop(out _));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_request_to_a_machine_that_somebody_resumed_stops_it_first(bool tellsAllStops)
    {
        using var folder = new TemporaryFolder();
        using var stub = new FakeGdbStub(folder.File("s"), knowsNoAck: false, tellsAllStops);
        using StubConnection connection = Connect(folder);
        connection.Halt();
        Assert.Equal(tellsAllStops, connection.TryTakeStop(out _));
        stub.ContinueByMonitor();

        Assert.True(connection.Demand("Z1,1000,1"));

        Assert.Equal(2, stub.BreakpointCount);
        Assert.True(connection.HasStop);
        Assert.Equal(512, connection.Ask("m0,100").Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_a_halted_machine_meets_after_somebody_resumed_it_is_told(bool tellsAllStops)
    {
        using var folder = new TemporaryFolder();
        using var stub = new FakeGdbStub(folder.File("s"), knowsNoAck: false, tellsAllStops);
        using StubConnection connection = Connect(folder);
        Assert.Equal(512, connection.Ask("m0,100").Length);
        Assert.False(connection.IsToldOfStops);
        connection.Halt();
        Assert.True(connection.IsToldOfStops);
        Assert.Equal(tellsAllStops, connection.TryTakeStop(out _));
        stub.ContinueByMonitor();
        stub.Hit();
        Assert.Equal(StopReply.Trap, connection.WaitForStop().Signal);
    }

    [Fact]
    public void A_request_behind_a_trap_is_sent_once()
    {
        var asked = new List<string>();
        using StubPeer peer = StubPeer.Answering(request =>
        {
            asked.Add(request);
            return request == "m0,1" ? ["T05thread:01;", "aa"] : ["OK"];
        });
        Assert.Equal("aa"u8, peer.Connection.Ask("m0,1"));
        Assert.True(peer.Connection.Demand("Z1,1000,1"));
        Assert.Equal(["m0,1", "Z1,1000,1"], asked);
        Assert.True(peer.Connection.TryTakeStop(out StopReply stop));
        Assert.Equal(StopReply.Trap, stop.Signal);
    }

    [Theory]
    [InlineData("OK", true)]
    [InlineData("", false)]
    [InlineData("E22", false)]
    public void A_demand_is_met_or_refused(string answer, bool expected)
    {
        using StubPeer peer = StubPeer.Answering(request => [request == "Z0,1000,1" ? answer : "?"]);
        Assert.Equal(expected, peer.Connection.Demand("Z0,1000,1"));
    }

    [Theory]
    [InlineData("a\nb\n", "O610d0a", "O62", "O0d0a", "OK")]
    [InlineData("a", "O61", "OK")]
    [InlineData("", "OK")]
    [InlineData(null, "")]
    [InlineData(null, "E01")]
    [InlineData(null, "O61", "E01")]
    public void A_command_of_the_monitor_gives_its_text_in_pieces(string? expected, params string[] answers)
    {
        using StubPeer peer = StubPeer.Answering(request => request == "qRcmd,6964" ? answers : []);
        Assert.Equal(expected, peer.Connection.HumanCommand("id"));
    }

    [Fact]
    public void A_stop_among_a_commands_text_is_none_of_it()
    {
        using StubPeer peer = StubPeer.Answering(_ => ["T02thread:01;", "O61", "OK"]);
        Assert.Equal("a", peer.Connection.HumanCommand("id"));
        Assert.True(peer.Connection.HasStop);
    }

    [Theory]
    [InlineData("hello")]
    [InlineData("Oxy")]
    [InlineData("O616")]
    [InlineData("O61}\u0003")]
    public void Nonsense_is_no_text(string answer)
    {
        using StubPeer peer = StubPeer.Answering(_ => [answer]);
        AssertFails(VmiErrorCode.MonitorProtocol, () => peer.Connection.HumanCommand("id"));
        Assert.Throws<VmiException>(() => peer.Connection.Demand("Z0,1000,1"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("$OK")]
    [InlineData("+")]
    [InlineData("$T05thread:01;#07")]
    public void A_peer_that_closes_is_told(string last)
    {
        using var peer = new StubPeer(stream =>
        {
            StubPeer.Read(stream);
            stream.Write(Encoding.ASCII.GetBytes(last));
        });
        AssertFails(VmiErrorCode.StubLost, () => peer.Connection.Ask("g"));
        AssertFails(VmiErrorCode.StubLost, () => peer.Connection.Halt());
        AssertFails(VmiErrorCode.StubLost, () => peer.Connection.Resume("c"));
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request")]
    [InlineData("$OK#00")]
    [InlineData("$Tzz#48")]
    public void What_is_no_answer_is_refused(string nonsense)
    {
        using var peer = new StubPeer(stream =>
        {
            StubPeer.Read(stream);
            stream.Write(Encoding.ASCII.GetBytes(nonsense));
            StubPeer.Read(stream);
        });
        AssertFails(VmiErrorCode.MonitorProtocol, () => peer.Connection.Ask("g"));
    }

    [Fact]
    public void An_answer_to_nothing_is_refused()
    {
        using StubPeer peer = StubPeer.Answering(_ => ["E22"]);
        peer.Connection.Resume("vCont;c");
        AssertFails(VmiErrorCode.MonitorProtocol, () => peer.Connection.WaitForStop());
    }

    [Fact]
    public void Silence_is_a_timeout()
    {
        using var peer = new StubPeer(stream => Drain(stream), Soon);
        AssertFails(VmiErrorCode.Timeout, () => peer.Connection.Ask("g"));
        AssertFails(VmiErrorCode.Timeout, () => peer.Connection.Halt());
        AssertFails(VmiErrorCode.Timeout, () => peer.Connection.HumanCommand("id"));
        AssertFails(VmiErrorCode.Timeout, () => peer.Connection.WaitForStop());
    }

    [Theory]
    [InlineData("+")]
    [InlineData("$given up")]
    [InlineData("$O#4f")]
    public void A_peer_that_never_falls_silent_gets_no_more_time(string endless)
    {
        using var peer = new StubPeer(stream => Flood(stream, endless), Soon);
        AssertFails(VmiErrorCode.Timeout, () => peer.Connection.HumanCommand("id"));
        AssertFails(VmiErrorCode.Timeout, () => peer.Connection.Halt());
    }

    [Fact]
    public void Text_without_end_is_refused()
    {
        using var peer = new StubPeer(stream => Flood(stream, FakeGdbStub.Packet("O" + new string('6', 4000))));
        AssertFails(VmiErrorCode.MonitorProtocol, () => peer.Connection.HumanCommand("id"));
    }

    [Fact]
    public void Stops_without_end_are_refused()
    {
        using var peer = new StubPeer(stream => Flood(stream, FakeGdbStub.Packet("T05thread:01;")));
        AssertFails(VmiErrorCode.MonitorProtocol, () => peer.Connection.Ask("g"));
    }

    [Fact]
    public void A_wait_for_a_stop_ends_with_it_the_signal_or_the_time()
    {
        using StubPeer peer = StubPeer.Answering(_ => ["S05"]);
        using var signal = new EventSignal();
        Assert.False(peer.Connection.WaitForStop(signal, TimeSpan.Zero));
        peer.Connection.Resume("vCont;c");
        Assert.True(peer.Connection.WaitForStop(signal, StubPeer.Patience));
        Assert.Equal(new StopReply(5, null, null), peer.Connection.WaitForStop());
        signal.Set();
        Assert.False(peer.Connection.WaitForStop(signal, StubPeer.Patience));
    }

    private static StubConnection Connect(TemporaryFolder folder)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(folder.File("s")));
        return new StubConnection(socket, StubPeer.Patience);
    }

    private static void Drain(NetworkStream stream)
    {
        while (StubPeer.Read(stream) is not null)
        {
        }
    }

    /// <summary>Until the connection is closed, which throws.</summary>
    private static void Flood(NetworkStream stream, string text)
    {
        byte[] much = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(text, 1000)));
        while (true)
            stream.Write(much);
    }

    private static void AssertFails(VmiErrorCode code, Action action) => Assert.Equal(code, Assert.Throws<VmiException>(action).Code);
}
