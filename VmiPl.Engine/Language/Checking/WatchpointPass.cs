using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>A vCPU has four debug registers (DR0 to DR3), each of which watches one address.</summary>
internal static class WatchpointPass
{
    public const int MaxWatchpoints = 4;

    public static void Check(ProbeIndex probes, DiagnosticBag diagnostics)
    {
        InvocationSyntax? fifth = probes.EventProbes
            .Where(probe => ConstructTable.Find(probe.Name.Text)!.Name is "ReadAt" or "WriteAt").Skip(MaxWatchpoints).FirstOrDefault();
        if (fifth is not null)
            diagnostics.Report(DiagnosticIds.TooManyWatchpoints, fifth.Head, "ExecuteAt takes none of them", MaxWatchpoints);
    }
}
