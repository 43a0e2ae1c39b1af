using System.Text;
using VmiPl.Errors;
using VmiPl.Probes.Shim;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Tests.Probes.Shim;

public sealed class ShimProtocolTests
{
    private const int Max = 4096;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void Messages_come_whole_however_the_bytes_are_cut(int piece)
    {
        var random = new Random(piece);
        var sent = new List<(uint Type, uint Sequence, int Status, byte[] Payload)>();
        var stream = new List<byte>();
        for (uint i = 0; i < 300; i++)
        {
            byte[] payload = new byte[random.Next(300)];
            random.NextBytes(payload);
            sent.Add((i % 5, i, -(int)i, payload));
            stream.AddRange(FakeShim.Message(i % 5, i, -(int)i, payload));
        }
        var protocol = new ShimProtocol(Max);
        var got = new List<(uint, uint, int, byte[])>();
        for (int at = 0; at < stream.Count; at += piece)
        {
            protocol.Feed(stream.Skip(at).Take(piece).ToArray());
            while (protocol.TryTake(out ShimMessage message))
                got.Add((message.Head.Type, message.Head.Sequence, message.Head.Status, message.Payload));
        }
        Assert.Equal(sent.Count, got.Count);
        for (int i = 0; i < sent.Count; i++)
            Assert.Equivalent(sent[i], got[i], strict: true);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(15u)]
    [InlineData((uint)Max + 1)]
    [InlineData(uint.MaxValue)]
    public void A_size_that_no_message_has_is_an_error(uint size)
    {
        var protocol = new ShimProtocol(Max);
        protocol.Feed(ShimProtocol.Bytes(new AbiMessage { Size = size }));
        Assert.Equal(VmiErrorCode.ShimLost, Assert.Throws<VmiException>(() => protocol.TryTake(out _)).Code);
    }

    [Fact]
    public void A_payload_that_is_too_short_is_an_error()
    {
        var protocol = new ShimProtocol(Max);
        protocol.Feed(FakeShim.Message((uint)AbiNotice.Pause, 0, 0, new byte[7]));
        Assert.True(protocol.TryTake(out ShimMessage message));
        Assert.True(message.IsNotice);
        Assert.Equal(VmiErrorCode.ShimLost, Assert.Throws<VmiException>(() => message.As<AbiPause>()).Code);
    }

    [Fact]
    public void A_request_that_is_longer_than_a_shim_takes_is_refused() => Assert.Equal(
        VmiErrorCode.LimitExceeded, Assert.Throws<VmiException>(() => ShimProtocol.Request(AbiRequest.Load, 1, new byte[AbiNumbers.MaxMessage])).Code);

    [Fact]
    public void A_refusals_text_is_one_line_of_bounded_length()
    {
        Assert.Equal("no such  probe", ShimProtocol.TextOf("no such\r\nprobe\u001b"u8));
        Assert.True(ShimProtocol.TextOf(Encoding.UTF8.GetBytes(new string('x', 100_000))).Length <= 512);
    }
}
