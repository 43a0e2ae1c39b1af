namespace VmiPl.Probes;

/// <summary>What an event probe has done.</summary>
/// <param name="Hits">Events at which its program ran.</param>
/// <param name="Filtered">Those of them at which it handed out and did nothing: a filter said no.</param>
/// <param name="Records">Records that its programs handed out, lost ones included.</param>
/// <param name="Time">How long the machine was held for its events.</param>
/// <param name="IsEnabled">Whether it is switched on.</param>
/// <param name="IsSilent">Whether the body that it runs is empty, so that nothing is watched.</param>
/// <param name="Body">The number of the body that it runs: 0 for the script's own.</param>
internal readonly record struct ProbeCounters(long Hits, long Filtered, long Records, TimeSpan Time, bool IsEnabled, bool IsSilent, int Body);
