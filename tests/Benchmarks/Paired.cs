using System.Diagnostics;

namespace VmiPl.Benchmarks;

/// <summary>Times two ways to do the same by turns, so that whatever else the host does meanwhile meets both alike: for ratios,
/// which two runs one after the other would blur.</summary>
internal static class Paired
{
    private const int Warmup = 3, Rounds = 41;

    /// <summary>The median time of <paramref name="subject"/> in ns, and the median of reference time ÷ subject time.</summary>
    public static (double Nanoseconds, double Ratio) Run(Action subject, Action reference) => Run(() => Time(subject), () => Time(reference), Warmup, Rounds);

    /// <summary>As <see cref="Run(Action, Action)"/>, of two that take their own time, in ns.</summary>
    public static (double Nanoseconds, double Ratio) Run(Func<double> subject, Func<double> reference, int warmup, int rounds)
    {
        var times = new List<double>();
        var ratios = new List<double>();
        for (int round = -warmup; round < rounds; round++)
        {
            // Who goes first finds the caches as the other left them: they take turns in that, too.
            (double mine, double other) = (round & 1) == 0 ? (subject(), reference()) : Swap(reference(), subject());
            if (round < 0)
                continue;
            times.Add(mine);
            ratios.Add(other / mine);
        }
        return (Median(times), Median(ratios));
    }

    private static (double, double) Swap(double a, double b) => (b, a);

    /// <summary>How long an action takes, in ns.</summary>
    public static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
