using VmiPl.Errors;
using VmiPl.Probes.GdbStub;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class StubVcpusTests
{
    private const string Description = "<target><reg name='rip' bitsize='64'/><reg name='rsp' bitsize='64'/></target>";

    [Fact]
    public void Vcpus_are_the_threads_in_their_order()
    {
        using StubPeer peer = Answering("m01,02", "m0a", "l");
        var vcpus = new StubVcpus(peer.Connection);
        Assert.Equal([0, 1, 9], vcpus.Numbers);
        Assert.Equal("0a", vcpus.ThreadOf(9));
        Assert.Equal([0, 1, 9, 9, 1], new[] { null, "02", "0a", "A", "p1.2" }.Select(vcpus.VcpuOf));
        Assert.Equal(VmiErrorCode.NotSupported, Assert.Throws<VmiException>(() => vcpus.VcpuOf("03")).Code);
        Assert.True(vcpus.Registers.Has(VmiPl.Language.Model.GuestRegister.Rip));
    }

    [Fact]
    public void Vcpus_come_and_go()
    {
        using StubPeer peer = Answering("m01", "l", "m01", "l", "m01,03", "l", "m", "m03", "l");
        var vcpus = new StubVcpus(peer.Connection);
        Assert.False(vcpus.Refresh(peer.Connection));
        Assert.True(vcpus.Refresh(peer.Connection));
        Assert.Equal([0, 2], vcpus.Numbers);
        Assert.Throws<VmiException>(() => vcpus.Refresh(peer.Connection));
        Assert.Equal("03", vcpus.ThreadOf(2));
        Assert.True(vcpus.Refresh(peer.Connection));
        Assert.Equal([2], vcpus.Numbers);
        Assert.Equal(2, vcpus.VcpuOf(null));
    }

    [Theory]
    [InlineData("")]
    [InlineData("l")]
    [InlineData("m")]
    [InlineData("m,")]
    [InlineData("m01", "m,,", "m02")]
    [InlineData("m01,x")]
    [InlineData("m00")]
    [InlineData("m80000000")]
    public void A_list_without_vcpus_is_refused(params string[] lists) => AssertRefused(VmiErrorCode.MonitorProtocol, Answering(lists));

    [Fact]
    public void More_vcpus_than_there_can_be_are_refused() =>
        AssertRefused(VmiErrorCode.LimitExceeded, StubPeer.Answering(request => [Answer(request) ?? "m01,02,03,04"]));

    [Theory]
    [InlineData("", VmiErrorCode.NotSupported)]
    [InlineData("PacketSize=1000;qXfer:memory-map:read+", VmiErrorCode.NotSupported)]
    public void A_stub_that_does_not_describe_itself_is_refused(string features, VmiErrorCode code) =>
        AssertRefused(code, StubPeer.Answering(_ => [features]));

    [Theory]
    [InlineData("")]
    [InlineData("E00")]
    [InlineData("m")]
    [InlineData("m<target>")]
    public void A_description_that_does_not_end_is_refused(string piece) =>
        AssertRefused(VmiErrorCode.MonitorProtocol, StubPeer.Answering(request => [request.StartsWith("qXfer", StringComparison.Ordinal) ? Fill(piece) : Answer(request)!]));

    // A piece with something in it is a large one, so that the bound is near.
    private static string Fill(string piece) => piece.Length > 3 ? piece + new string(' ', 3000) : piece;

    private static StubPeer Answering(params string[] lists)
    {
        var left = new Queue<string>(lists);
        return StubPeer.Answering(request => [Answer(request) ?? left.Dequeue()]);
    }

    /// <summary>What is answered to all but the questions for vCPUs.</summary>
    private static string? Answer(string request) =>
        request.StartsWith("qSupported", StringComparison.Ordinal) ? "qXfer:features:read+"
        : request.StartsWith("qXfer", StringComparison.Ordinal) ? "l" + Description
        : null;

    private static void AssertRefused(VmiErrorCode code, StubPeer peer)
    {
        using (peer)
            Assert.Equal(code, Assert.Throws<VmiException>(() => new StubVcpus(peer.Connection)).Code);
    }
}
