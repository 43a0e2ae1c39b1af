using VmiPl.Streams.Network;

namespace VmiPl.Tests.Streams.Network;

public sealed class HostClockTests
{
    private static readonly DateTime Host = new(2026, 5, 4, 12, 0, 0, DateTimeKind.Utc), Guest = new(1999, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void Times_keep_their_distance_and_stay_within_what_is_known()
    {
        var clock = new HostClock();
        clock.SawNothing(Host);
        Assert.Equal(Host.AddMilliseconds(1000), clock.Map(Guest, Host.AddMilliseconds(1000)));
        // Read together a second later, they came a tenth apart.
        Assert.Equal(Host.AddMilliseconds(1100), clock.Map(Guest.AddMilliseconds(100), Host.AddMilliseconds(2000)));
        Assert.Equal(Host.AddMilliseconds(1200), clock.Map(Guest.AddMilliseconds(200), Host.AddMilliseconds(2000)));
        // The guest stood still for a minute: its clock has not moved, the host's has.
        clock.SawNothing(Host.AddMilliseconds(60000));
        Assert.Equal(Host.AddMilliseconds(60000), clock.Map(Guest.AddMilliseconds(300), Host.AddMilliseconds(61000)));
        Assert.Equal(Host.AddMilliseconds(60500), clock.Map(Guest.AddMilliseconds(800), Host.AddMilliseconds(61000)));
        // It jumps: nothing comes from the future.
        Assert.Equal(Host.AddMilliseconds(62000), clock.Map(Guest.AddYears(50), Host.AddMilliseconds(62000)));
        Assert.Equal(Host.AddMilliseconds(63000), clock.Map(DateTime.MaxValue, Host.AddMilliseconds(63000)));
        Assert.Equal(Host.AddMilliseconds(64000), clock.Map(DateTime.MinValue, Host.AddMilliseconds(64000)));
    }
}
