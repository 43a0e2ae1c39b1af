using System.Text;
using VmiPl.Errors;
using VmiPl.Machines.Qmp;

namespace VmiPl.Tests.Machines;

public sealed class QmpProtocolTests
{
    private const string Conversation =
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, \"capabilities\": [\"oob\"]}}\r\n"
        + "{\"return\": {}, \"id\": 1}\r\n{\"timestamp\": {\"seconds\": 1}, \"event\": \"STOP\"}\r\n"
        + "{\n    \"return\": \"a \\\"} { text\\\\\",\n    \"id\": 2\n}\r\n"
        + "{\"id\": 3, \"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}}\r\n";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(100_000)]
    public void Messages_come_out_whole_however_the_bytes_are_split(int size)
    {
        var protocol = new QmpProtocol(1 << 20);
        var messages = new List<QmpMessage>();
        foreach (byte[] piece in Encoding.UTF8.GetBytes(Conversation).Chunk(size))
        {
            protocol.Feed(piece);
            while (protocol.TryTake(out QmpMessage message))
                messages.Add(message);
        }
        Assert.Equal([QmpMessageKind.Greeting, QmpMessageKind.Return, QmpMessageKind.Event, QmpMessageKind.Return, QmpMessageKind.Error], messages.Select(m => m.Kind));
        Assert.Equal([null, 1L, null, 2L, 3L], messages.Select(m => m.Id));
        Assert.Equal("STOP", messages[2].Name);
        Assert.Equal("a \"} { text\\", messages[3].Body.GetString());
        Assert.Equal("CommandNotFound", messages[4].Name);
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "not QMP: SSH-2.0")]
    [InlineData("\u0001\u0002\u0003", "not QMP: ...")]
    [InlineData("{\"a\" 1}", "broken JSON")]
    [InlineData("{\"a\": 1}", "no known kind")]
    [InlineData("{\"a\": [}}", "broken JSON")]
    [InlineData("[1]", "not QMP")]
    public void What_is_no_qmp_is_refused_with_what_was_seen(string text, string expected)
    {
        var protocol = new QmpProtocol(1 << 20);
        VmiException e = Assert.Throws<VmiException>(() => protocol.Feed(Encoding.Latin1.GetBytes(text)));
        Assert.Equal(VmiErrorCode.MonitorProtocol, e.Code);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_without_end_is_refused_at_the_bound()
    {
        var protocol = new QmpProtocol(10_000);
        byte[] piece = Encoding.ASCII.GetBytes("{\"return\": \"" + new string('x', 4000));
        protocol.Feed(piece);
        VmiException e = Assert.Throws<VmiException>(() =>
        {
            for (int i = 0; i < 10; i++)
                protocol.Feed(piece);
        });
        Assert.Contains("longer than 10000", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        var protocol = new QmpProtocol(1 << 20);
        VmiException e = Assert.Throws<VmiException>(() => protocol.Feed(Encoding.ASCII.GetBytes("{\"return\":" + new string('[', 1000))));
        Assert.Contains("nested", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Random_damage_ends_in_messages_or_a_clear_error()
    {
        var random = new Random(2);
        byte[] good = Encoding.UTF8.GetBytes(Conversation);
        int refused = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bad = [.. good];
            for (int n = random.Next(1, 6); n > 0; n--)
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            try
            {
                var protocol = new QmpProtocol(1 << 16);
                protocol.Feed(bad);
                while (protocol.TryTake(out QmpMessage message))
                    Assert.True(Enum.IsDefined(message.Kind));
            }
            catch (VmiException e) when (e.Code == VmiErrorCode.MonitorProtocol)
            {
                refused++;
            }
        }
        Assert.True(refused > 1000);
    }

    [Fact]
    public void A_command_is_one_line_with_an_id()
    {
        string text = Encoding.UTF8.GetString(QmpProtocol.Command("human-monitor-command", 7, json => json.WriteString("command-line", "info \"x\"\n")));
        Assert.Equal(text.Length - 1, text.IndexOf('\n', StringComparison.Ordinal));
        Assert.StartsWith("{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"info ", text, StringComparison.Ordinal);
        Assert.EndsWith("},\"id\":7}\n", text, StringComparison.Ordinal);
    }
}
