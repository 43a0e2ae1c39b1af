using System.Text;
using VmiPl.Errors;
using VmiPl.Probes.GdbStub;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class RemoteProtocolTests
{
    private static readonly (string Wire, string Content)[] Packets =
    [
        ("OK", "OK"),
        ("", ""),
        ("T05thread:01;", "T05thread:01;"),
        ("a}\u0003b}\u0004c}]d}\n", "a#b$c}d*"),
        ("0* ", "0000"),
        ("x*~", new string('x', 98)),
        ("0* * 1", "00000001"),
        ("}]*\"", "}}}}}}"),
        ("\u0001\u0080\u00ff", "\u0001\u0080\u00ff"),
    ];

    // Some follow one another at once, some are acknowledged in between, and one is given up for the next.
    private static readonly byte[] Conversation = Encoding.Latin1.GetBytes(
        "+" + string.Join("", Packets.Select((packet, i) => FakeGdbStub.Packet(packet.Wire) + (i % 3) switch { 0 => "", 1 => "+", _ => "-+" }))
        + "$given up" + FakeGdbStub.Packet("begun anew"));

    private static readonly string[] Expected = [.. Packets.Select(packet => packet.Content), "begun anew"];

    [Fact]
    public void Packets_come_out_whole_however_the_bytes_are_split()
    {
        Assert.Equal(Expected, Read(Conversation));
        Assert.Equal(Expected, Read(Conversation.Chunk(1)));
        for (int i = 1; i < Conversation.Length; i++)
            Assert.Equal(Expected, Read(Conversation[..i], Conversation[i..]));
    }

    [Fact]
    public void Packets_wait_until_they_are_taken()
    {
        var protocol = new RemoteProtocol();
        protocol.Feed(Conversation);
        Assert.Equal(Expected, Take(protocol));
        Assert.False(protocol.TryTake(out _));
    }

    [Theory]
    [InlineData("$OK#9b", "a wrong checksum")]
    [InlineData("$OK#00", "a wrong checksum")]
    [InlineData("$OK#9g", "a checksum that is no number")]
    [InlineData("$OK#x", "a checksum that is no number")]
    [InlineData("$OK#9a\n", "a byte 0x0a between packets")]
    [InlineData("x", "a byte 0x78 between packets")]
    [InlineData("\u0003", "a byte 0x03 between packets")]
    [InlineData("#00", "a byte 0x23 between packets")]
    [InlineData("$* ", "a repeat of nothing")]
    [InlineData("$a$* ", "a repeat of nothing")]
    [InlineData("$a*\u001c", "a repeat of nothing")]
    public void What_is_no_packet_is_refused(string wire, string words) => AssertRefused(words, () => Read(Encoding.Latin1.GetBytes(wire)));

    [Theory]
    [InlineData(RemoteProtocol.MaxPacketBytes, false)]
    [InlineData(RemoteProtocol.MaxPacketBytes + 1, true)]
    [InlineData(2 * RemoteProtocol.MaxPacketBytes, true)]
    public void Repeats_do_not_lead_past_the_longest_packet(int length, bool isRefused)
    {
        (int repeats, int rest) = Math.DivRem(length - 1, 97);
        byte[] wire = Encoding.ASCII.GetBytes(FakeGdbStub.Packet("x" + string.Concat(Enumerable.Repeat("*~", repeats)) + new string('x', rest)));
        if (isRefused)
            AssertRefused("more than 1048576 bytes", () => Read(wire));
        else
            Assert.Equal(new string('x', length), Assert.Single(Read(wire)));
    }

    [Fact]
    public void What_is_framed_is_read_again()
    {
        var random = new Random(1);
        char[] plain = [.. Enumerable.Range(0, 128).Select(c => (char)c).Except("#$}*")];
        for (int i = 0; i < 2000; i++)
        {
            string payload = new(random.GetItems(plain, random.Next(300)));
            Assert.Equal(payload, Assert.Single(Read(RemoteProtocol.Frame(payload))));
        }
        Assert.Equal("$qC#b4"u8, RemoteProtocol.Frame("qC"));
    }

    [Fact]
    public void Random_and_damaged_bytes_end_in_packets_or_a_clear_error()
    {
        const int MostOfTwoBytes = 255 - 29;
        var random = new Random(2);
        char[] telling = [.. "$$#*}+-0123456789abcdefT~\u001c\u00ff"];
        int refused = 0, taken = 0;
        for (int i = 0; i < 100_000; i++)
        {
            byte[] bytes = i % 2 == 0 ? [.. Conversation] : Encoding.Latin1.GetBytes(random.GetItems(telling, random.Next(1, 100)));
            if (i % 2 != 0)
                bytes[0] = (byte)'$';
            for (int n = random.Next(i % 2, 4); n > 0; n--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                List<string> packets = Read(bytes);
                Assert.True(packets.Sum(packet => packet.Length) <= bytes.Length * MostOfTwoBytes / 2);
                taken += packets.Count;
            }
            catch (VmiException e) when (e.Code == VmiErrorCode.MonitorProtocol)
            {
                refused++;
            }
        }
        Assert.True(refused > 10_000 && taken > 10_000, $"{refused} refused, {taken} taken");
    }

    [Fact]
    public void Packets_without_end_take_no_memory()
    {
        var protocol = new RemoteProtocol();
        byte[] piece = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("$given up", 1000)));
        protocol.Feed(piece);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 200; i++)
            protocol.Feed(piece);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);
    }

    private static List<string> Read(params IEnumerable<byte[]> pieces)
    {
        var protocol = new RemoteProtocol();
        var packets = new List<string>();
        foreach (byte[] piece in pieces)
        {
            protocol.Feed(piece);
            packets.AddRange(Take(protocol));
        }
        return packets;
    }

    private static List<string> Take(RemoteProtocol protocol)
    {
        var packets = new List<string>();
        while (protocol.TryTake(out byte[] packet))
            packets.Add(Encoding.Latin1.GetString(packet));
        return packets;
    }

    private static void AssertRefused(string words, Action action)
    {
        VmiException e = Assert.Throws<VmiException>(action);
        Assert.Equal(VmiErrorCode.MonitorProtocol, e.Code);
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
    }
}
