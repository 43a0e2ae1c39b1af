using System.Buffers.Binary;
using VmiPl.Memory;
using VmiPl.Probes.GdbStub;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class KernelClockTests
{
    private readonly SmallGuest _guest = new(PagingMode.FourLevel);
    private readonly KernelClock _clock;

    public KernelClockTests()
    {
        _guest.Symbols["jiffies_64"] = _guest.Allocate(8);
        Set(5000);
        _clock = KernelClock.Find(_guest.Open())!;
    }

    [Fact]
    public void A_kernel_without_the_symbol_has_none() => Assert.Null(KernelClock.Find(new SmallGuest(PagingMode.FourLevel).Open()));

    [Fact]
    public void One_that_counts_now_and_then_runs()
    {
        for (ulong ticks = 5001; ticks < 5010; ticks++)
        {
            Set(ticks);
            Assert.All(Looks(KernelClock.Patience), reading => Assert.Equal(ClockReading.Runs, reading));
        }
    }

    [Fact]
    public void One_that_counts_no_longer_is_told_now_and_then()
    {
        ClockReading[] looks = Looks(3 * KernelClock.Patience);
        Assert.Equal(
            [KernelClock.Patience - 1, 2 * KernelClock.Patience - 1, 3 * KernelClock.Patience - 1],
            Enumerable.Range(0, looks.Length).Where(i => looks[i] == ClockReading.Stands));
        Assert.DoesNotContain(ClockReading.WentBack, looks);
    }

    [Fact]
    public void One_that_is_not_to_be_read_stands()
    {
        // The page tables are somebody else's now.
        _guest.Memory.AsSpan(0, 0x8_0000).Clear();
        Assert.Equal(ClockReading.Stands, Looks(KernelClock.Patience)[^1]);
    }

    [Fact]
    public void One_that_begins_anew_is_told()
    {
        Set(4999);
        Assert.Equal(ClockReading.WentBack, _clock.Look());
    }

    private ClockReading[] Looks(int count) => [.. Enumerable.Range(0, count).Select(_ => _clock.Look())];

    private void Set(ulong ticks) => BinaryPrimitives.WriteUInt64LittleEndian(_guest.At(_guest.Symbols["jiffies_64"]), ticks);
}
