using System.Text.Json;
using VmiPl.Errors;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Qmp;

namespace VmiPl.Tests.Machines;

public sealed class QmpConnectionTests
{
    private static readonly VmiLimits Limits = new() { MonitorTimeout = TimeSpan.FromSeconds(1), MaxMonitorMessageBytes = 100_000 };

    [Fact]
    public void A_reply_is_found_among_events_and_stale_replies()
    {
        using var fake = new FakeMonitor((stream, _) =>
        {
            FakeMonitor.Send(stream, FakeMonitor.Greeting);
            FakeMonitor.Send(stream, $"{{\"return\": {{}}, \"id\": {FakeMonitor.ReadId(stream)}}}");
            string id = FakeMonitor.ReadId(stream);
            FakeMonitor.Send(stream, "{\"event\": \"STOP\"}\r\n{\"return\": \"stale\", \"id\": 0}{\"event\": \"RESUME\"}");
            FakeMonitor.Send(stream, $"{{\"return\": \"right\", \"id\": {id}}}");
        });
        using var connection = new QmpConnection(fake.Endpoint, Limits, null);
        Assert.Equal("right", connection.Execute("x").GetString());
    }

    [Fact]
    public void No_greeting_means_busy() => AssertFails(VmiErrorCode.MonitorBusy, "another client", (stream, _) => stream.ReadByte());

    [Fact]
    public void Garbage_is_shown() => AssertFails(VmiErrorCode.MonitorProtocol, "220 smtp", (stream, _) => FakeMonitor.Send(stream, "220 smtp ready\r\n"));

    [Fact]
    public void A_reply_cut_short_is_a_protocol_error() => AssertFails(VmiErrorCode.MonitorProtocol, "closed", (stream, _) =>
        FakeMonitor.Send(stream, FakeMonitor.Greeting + "{\"return\": {"));

    [Fact]
    public void Silence_after_the_greeting_is_a_timeout() => AssertFails(VmiErrorCode.Timeout, "did not answer", (stream, _) =>
    {
        FakeMonitor.Send(stream, FakeMonitor.Greeting);
        while (stream.ReadByte() >= 0)
        {
        }
    });

    [Fact]
    public void A_flood_of_events_does_not_hold_us() => AssertFails(VmiErrorCode.Timeout, "did not answer", (stream, _) =>
    {
        FakeMonitor.Send(stream, FakeMonitor.Greeting);
        while (true)
            FakeMonitor.Send(stream, "{\"event\": \"STOP\"}\r\n");
    });

    [Fact]
    public void A_message_beyond_the_bound_is_refused() => AssertFails(VmiErrorCode.MonitorProtocol, "longer than", (stream, _) =>
    {
        FakeMonitor.Send(stream, FakeMonitor.Greeting + "{\"return\": \"");
        while (true)
            FakeMonitor.Send(stream, new string('x', 50_000));
    });

    [Fact]
    public void A_refusal_carries_qemus_words() => AssertFails(VmiErrorCode.MonitorProtocol, "The command x has not been found", (stream, _) =>
    {
        FakeMonitor.Send(stream, FakeMonitor.Greeting);
        FakeMonitor.Send(stream, $"{{\"return\": {{}}, \"id\": {FakeMonitor.ReadId(stream)}}}");
        FakeMonitor.Send(stream, $"{{\"id\": {FakeMonitor.ReadId(stream)}, \"error\": {{\"class\": \"CommandNotFound\", \"desc\": \"The command x has not been found\"}}}}");
    });

    [Fact]
    public void After_an_error_the_next_command_works()
    {
        using var fake = new FakeMonitor((stream, number) =>
        {
            if (number == 0)
                FakeMonitor.Send(stream, FakeMonitor.Greeting + "garbage");
            else
                FakeMonitor.Serve(stream, "42");
        });
        using var connection = new QmpConnection(fake.Endpoint, Limits, null);
        Assert.Equal(VmiErrorCode.MonitorProtocol, Assert.Throws<VmiException>(() => connection.Execute("x")).Code);
        Assert.Equal(42, connection.Execute("x").GetInt32());
    }

    [Fact]
    public void The_monitor_is_left_to_others_when_idle()
    {
        using var gone = new ManualResetEventSlim();
        using var fake = new FakeMonitor((stream, _) =>
        {
            FakeMonitor.Serve(stream, "1");
            gone.Set();
        });
        using var connection = new QmpConnection(fake.Endpoint, Limits, null);
        Assert.Equal(JsonValueKind.Number, connection.Execute("x").ValueKind);
        Assert.True(gone.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Nobody_listening_is_told_from_busy()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using var connection = new QmpConnection(new MonitorEndpoint(MonitorKind.Qmp, path), Limits, null);
        Assert.Equal(VmiErrorCode.MonitorUnavailable, Assert.Throws<VmiException>(() => connection.Execute("x")).Code);
    }

    private static void AssertFails(VmiErrorCode code, string words, Action<System.Net.Sockets.NetworkStream, int> serve)
    {
        using var fake = new FakeMonitor(serve);
        using var connection = new QmpConnection(fake.Endpoint, Limits, null);
        VmiException e = Assert.Throws<VmiException>(() => connection.Execute("x"));
        Assert.Equal(code, e.Code);
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
    }
}
