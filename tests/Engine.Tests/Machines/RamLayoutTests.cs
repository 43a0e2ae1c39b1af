using VmiPl.Machines.ProcessMemory;

namespace VmiPl.Tests.Machines;

public sealed class RamLayoutTests
{
    private const ulong GiB = 1UL << 30;

    [Theory]
    [InlineData("pc", 6 * GiB, 0xC0000000)]
    [InlineData("pc-i440fx-7.2", 0xDFFFFFFF, 0xE0000000)]
    [InlineData("pc", 0xE0000000, 0xC0000000)]
    [InlineData("q35", 6 * GiB, 0x80000000)]
    [InlineData("pc-q35-9.0", 2 * GiB, 0xB0000000)]
    [InlineData("q35", 0xB0000000, 0x80000000)]
    [InlineData("microvm", 6 * GiB, 0xC0000000)]
    public void A_known_type_has_one_layout(string type, ulong memory, ulong low) =>
        Assert.Equal(low, Assert.Single(RamLayout.Candidates(type, memory, null)).LowBytes);

    [Fact]
    public void An_unknown_type_has_both_where_they_differ()
    {
        Assert.Single(RamLayout.Candidates(null, GiB, null));
        Assert.Equal([0xC0000000UL, 0x80000000UL], RamLayout.Candidates(null, 6 * GiB, null).Select(l => l.LowBytes));
    }

    [Fact]
    public void The_option_moves_the_hole()
    {
        Assert.Equal(GiB, RamLayout.Candidates("q35", 6 * GiB, GiB)[0].LowBytes);
        Assert.Equal(2 * GiB, RamLayout.Candidates("pc", 6 * GiB, 2 * GiB)[0].LowBytes);
    }

    [Fact]
    public void Blocks_follow_each_other_around_the_holes()
    {
        RamMap map = new RamLayout(0xC0000000, HasVgaHole: true).Place([(0x1_0000_0000_0000, 2 * GiB), (0x2_0000_0000_0000, 4 * GiB)]);
        Assert.Equal(
            [
                new RamSegment(0, 0xA0000, 0x1_0000_0000_0000),
                new RamSegment(0xC0000, 2 * GiB - 0xC0000, 0x1_0000_000C_0000),
                new RamSegment(2 * GiB, GiB, 0x2_0000_0000_0000),
                new RamSegment(4 * GiB, 3 * GiB, 0x2_0000_4000_0000),
            ], map.Segments);
        Assert.Equal(6 * GiB - 0x20000, map.Segments.Aggregate(0UL, (sum, s) => sum + s.Length));
    }

    [Fact]
    public void A_map_drops_what_wraps_or_overlaps_and_joins_what_goes_on()
    {
        var map = new RamMap([new(0x1000, 0x1000, 0x9000), new(0, 0x1000, 0x8000), new(0x1800, 0x1000, 0x1), new(ulong.MaxValue - 1, 9, 0), new(5, 0, 0)]);
        Assert.Equal([new RamSegment(0, 0x2000, 0x8000)], map.Segments);
        Assert.True(map.TryFind(0x1fff, out ulong host, out ulong left));
        Assert.Equal((0x9fffUL, 1UL), (host, left));
        Assert.False(map.TryFind(0x2000, out _, out _));
    }
}
