using VmiPl.TestGuests;

namespace VmiPl.Tests.Guests;

public sealed class GuestMatrixTests
{
    private static readonly Func<GuestOptions, object>[] _factors =
    [
        o => o.Kaslr, o => o.PageTableIsolation && o.Spinning, o => o.FiveLevelPaging, o => o.Vcpus, o => o.MemoryMiB,
        o => o.Machine, o => o.Ram, o => o.Monitor,
    ];

    [Fact]
    public void Any_two_values_meet_in_a_configuration_of_each_64_bit_kernel()
    {
        foreach (var kernel in GuestMatrix.Amd64.GroupBy(c => c.Options.Kernel))
        {
            var rows = kernel.Select(c => _factors.Select(f => f(c.Options)).ToArray()).ToList();
            for (var a = 0; a < _factors.Length; a++)
            for (var b = a + 1; b < _factors.Length; b++)
            {
                var possible = rows.Select(r => r[a]).Distinct().Count() * rows.Select(r => r[b]).Distinct().Count();
                Assert.Equal(possible, rows.Select(r => (r[a], r[b])).Distinct().Count());
            }
        }
    }

    [Fact]
    public void Names_are_unique_and_lead_back() =>
        Assert.All(GuestMatrix.All, c => Assert.Same(c, GuestMatrix.Find(c.Name)));
}
