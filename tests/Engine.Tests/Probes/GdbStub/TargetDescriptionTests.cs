using VmiPl.Errors;
using VmiPl.Probes.GdbStub;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class TargetDescriptionTests
{
    [Fact]
    public void Registers_stand_where_qemu_describes_them()
    {
        var target = new TargetDescription(StubDescription.Long.Document);
        Assert.Equal(new TargetRegister(0, 0, 8), target.Find("rax"));
        Assert.Equal(new TargetRegister(7, 56, 8), target.Find("rsp"));
        Assert.Equal(new TargetRegister(16, 128, 8), target.Find("rip"));
        Assert.Equal(new TargetRegister(17, 136, 4), target.Find("eflags"));
        Assert.Equal(new TargetRegister(18, 140, 4), target.Find("cs"));
        Assert.Equal(new TargetRegister(24, 164, 8), target.Find("fs_base"));
        Assert.Equal(new TargetRegister(32, 228, 8), target.Find("efer"));
        Assert.Equal(new TargetRegister(34, 246, 10), target.Find("st1"));
        Assert.Null(target.Find("eax"));
        Assert.Null(target.Find("RAX"));
    }

    [Fact]
    public void Registers_of_a_32_bit_target_have_other_places()
    {
        var target = new TargetDescription(StubDescription.Protected.Document);
        Assert.Equal(new TargetRegister(3, 12, 4), target.Find("ebx"));
        Assert.Equal(new TargetRegister(8, 32, 4), target.Find("eip"));
        Assert.Null(target.Find("rip"));
    }

    [Fact]
    public void Numbers_and_not_the_order_of_the_text_give_the_places()
    {
        TargetDescription target = Read("""<target><reg name="b" bitsize="32" regnum="5"/><feature><reg name="c" bitsize="16"/></feature><reg name="a" bitsize="64" regnum="0"/></target>""");
        Assert.Equal(new TargetRegister(0, 0, 8), target.Find("a"));
        Assert.Equal(new TargetRegister(5, 8, 4), target.Find("b"));
        Assert.Equal(new TargetRegister(6, 12, 2), target.Find("c"));
    }

    [Fact]
    public void Registers_of_an_included_document_stand_where_it_is_included()
    {
        var target = new TargetDescription(name => name == "target.xml"
            ? """<target xmlns:xi="http://www.w3.org/2001/XInclude"><reg name="a" bitsize="8"/><xi:include href="more.xml"/><reg name="c" bitsize="8"/></target>"""
            : """<feature><reg name="b" bitsize="8"/></feature>""");
        Assert.Equal((0, 1, 2), (target.Find("a")!.Value.Offset, target.Find("b")!.Value.Offset, target.Find("c")!.Value.Offset));
    }

    [Theory]
    [InlineData("", "no XML")]
    [InlineData("E00", "no XML")]
    [InlineData("<target>", "no XML")]
    [InlineData("<target/><target/>", "no XML")]
    [InlineData("<target>\u0001</target>", "no XML")]
    [InlineData("<yi:target/>", "no XML")]
    [InlineData("<target/>", "with no registers")]
    [InlineData("<target><reg/></target>", "no name or size")]
    [InlineData("<target><reg bitsize='32'/></target>", "no name or size")]
    [InlineData("<target><reg name='a'/></target>", "no name or size")]
    [InlineData("<target><reg name='a' bitsize='0'/></target>", "no name or size")]
    [InlineData("<target><reg name='a' bitsize='7'/></target>", "no name or size")]
    [InlineData("<target><reg name='a' bitsize='-8'/></target>", "no name or size")]
    [InlineData("<target><reg name='a' bitsize='4104'/></target>", "no name or size")]
    [InlineData("<target><reg name='a' bitsize='2147483648'/></target>", "no name or size")]
    [InlineData("<target><reg name='a' bitsize='8'/><reg name='b' bitsize='8' regnum='0'/></target>", "no name or size")]
    [InlineData("<target><reg name='a' bitsize='8' regnum='2147483647'/><reg name='b' bitsize='8'/></target>", "no name or size")]
    [InlineData("<target><include href='target.xml'/></target>", "too many documents")]
    [InlineData("<target><include href='a:0,400#00$vCont;c'/></target>", "'a:0,400#00$vCont;c'")]
    [InlineData("<target><include href=''/></target>", "''")]
    [InlineData("<!DOCTYPE t [<!ENTITY a 'b'>]><target><reg name='&a;' bitsize='8'/></target>", "no XML")]
    [InlineData("<!DOCTYPE t [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><target><reg name='a' bitsize='8'/>&a;</target>", "no XML")]
    [InlineData("<!DOCTYPE t [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'><!ENTITY c '&b;&b;'>]><target>&c;</target>", "no XML")]
    public void What_cannot_be_understood_is_refused(string text, string words) => AssertRefused(words, () => Read(text));

    [Fact]
    public void A_description_without_end_is_refused()
    {
        AssertRefused("no XML", () => Read("<target>" + new string(' ', 1 << 20) + "</target>"));
        AssertRefused("registers", () => Read($"<target>{string.Concat(Enumerable.Repeat("<reg name='a' bitsize='8'/>", 1025))}</target>"));
        AssertRefused("'xxx", () => Read($"<target><include href='{new string('x', 1000)}'/></target>"));
    }

    [Fact]
    public void Documents_that_include_ever_more_are_refused_soon()
    {
        int asked = 0;
        AssertRefused("too many documents", () => new TargetDescription(name =>
        {
            asked++;
            return $"<target>{string.Concat(Enumerable.Repeat($"<include href='d{asked}'/>", 10_000))}</target>";
        }));
        Assert.InRange(asked, 1, 100);
    }

    [Fact]
    public void Documents_full_of_registers_are_refused_soon()
    {
        int asked = 0;
        AssertRefused("registers", () => new TargetDescription(name =>
        {
            asked++;
            return $"<target>{string.Concat(Enumerable.Repeat("<reg name='a' bitsize='8'/>", 10_000))}<include href='more'/></target>";
        }));
        Assert.Equal(1, asked);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(100_000)]
    public void Deep_nesting_is_refused(int depth) => AssertRefused("too deeply", () =>
        Read(string.Concat(Enumerable.Repeat("<a>", depth)) + "<reg name='a' bitsize='8'/>" + string.Concat(Enumerable.Repeat("</a>", depth))));

    [Fact]
    public void Random_damage_ends_in_registers_or_a_clear_error()
    {
        var random = new Random(3);
        string good = StubDescription.Protected.Document("i386.xml");
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            char[] bad = good.ToCharArray();
            for (int n = random.Next(1, 4); n > 0; n--)
                bad[random.Next(bad.Length)] = random.GetItems([.. "<>/&;:'\"= 09regxi[]!-?\0\u00ff\ud800"], 1)[0];
            try
            {
                TargetDescription target = Read(new string(bad));
                Assert.True(target.Find("eax") is not { } register || register.Offset < 1024 * 512);
            }
            catch (VmiException e) when (e.Code == VmiErrorCode.MonitorProtocol)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 300, 2999);
    }

    private static TargetDescription Read(string text) => new(_ => text);

    private static void AssertRefused(string words, Func<TargetDescription> action)
    {
        VmiException e = Assert.Throws<VmiException>(action);
        Assert.Equal(VmiErrorCode.MonitorProtocol, e.Code);
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
    }
}
