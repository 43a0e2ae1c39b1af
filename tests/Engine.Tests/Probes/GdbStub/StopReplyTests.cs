using System.Text;
using VmiPl.Errors;
using VmiPl.Probes.GdbStub;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class StopReplyTests
{
    [Theory]
    [InlineData("T05thread:01;", 5, "01", null)]
    [InlineData("T02thread:01;", 2, "01", null)]
    [InlineData("T05thread:p01.02;", 5, "p01.02", null)]
    [InlineData("S05", 5, null, null)]
    [InlineData("T05", 5, null, null)]
    [InlineData("T05thread:01;watch:ffffffff81000000;", 5, "01", 0xffffffff81000000)]
    [InlineData("T05thread:02;rwatch:1000;", 5, "02", 0x1000UL)]
    [InlineData("T05awatch:0;thread:02", 5, "02", 0UL)]
    [InlineData("T1dswbreak:;06:0000;hwbreak:;thread:01;core:3;watchdog:5;", 0x1d, "01", null)]
    [InlineData("T05thread;watch;:;;;x", 5, null, null)]
    [InlineData("T05thread:;watch:;", 5, "", null)]
    [InlineData("T05watch:none;thread:01;", 5, "01", null)]
    [InlineData("T05watch:10000000000000000;", 5, null, null)]
    [InlineData("Tff", 255, null, null)]
    public void A_stop_tells_its_signal_its_vcpu_and_its_watchpoint(string packet, int signal, string? thread, ulong? watch)
    {
        StopReply stop = Read(packet);
        Assert.Equal(new StopReply(signal, thread, watch), stop);
        Assert.False(stop.HasExited);
    }

    [Theory]
    [InlineData("W00")]
    [InlineData("W01;process:1")]
    [InlineData("X09")]
    [InlineData("W")]
    public void Qemus_end_is_told(string packet) => Assert.True(Read(packet).HasExited);

    [Theory]
    [InlineData("T")]
    [InlineData("S5")]
    [InlineData("T-1")]
    [InlineData("Tthread:01;")]
    [InlineData("S\u00ff\u00ff")]
    public void A_stop_without_a_signal_is_refused(string packet) =>
        Assert.Equal(VmiErrorCode.MonitorProtocol, Assert.Throws<VmiException>(() => Read(packet)).Code);

    [Theory]
    [InlineData("")]
    [InlineData("OK")]
    [InlineData("E22")]
    [InlineData("QC01")]
    [InlineData("m01,02")]
    [InlineData("l")]
    [InlineData("0000")]
    [InlineData("xxxx")]
    [InlineData("PacketSize=1000")]
    public void Answers_are_no_stops(string packet) => Assert.False(StopReply.Is(Encoding.ASCII.GetBytes(packet)));

    [Fact]
    public void Random_stops_are_read_or_refused()
    {
        var random = new Random(1);
        char[] telling = [.. "TSWX0123456789abcdef:;-. \0\u00ff"];
        string[] words = ["thread:", "watch:", "rwatch:", "awatch:", "T05", ";"];
        int read = 0;
        for (int i = 0; i < 50_000; i++)
        {
            string packet = random.GetItems(["T", "S", "T05", "S02"], 1)[0]
                + string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => random.Next(2) == 0 ? random.GetItems(words, 1)[0] : new string(random.GetItems(telling, 3))));
            try
            {
                Assert.InRange(Read(packet).Signal, 0, 255);
                read++;
            }
            catch (VmiException e) when (e.Code == VmiErrorCode.MonitorProtocol)
            {
                // What it is.
            }
        }
        Assert.True(read > 10_000);
    }

    private static StopReply Read(string packet)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(packet);
        Assert.True(StopReply.Is(bytes));
        return StopReply.Parse(bytes);
    }
}
