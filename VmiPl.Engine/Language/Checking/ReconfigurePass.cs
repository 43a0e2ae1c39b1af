using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>A script that reconfigures probes from outside has none of its own. That is said once.</summary>
internal static class ReconfigurePass
{
    public static void Check(ScriptSyntax script, ProbeIndex probes, DiagnosticBag diagnostics)
    {
        if (probes.EventProbes.Count + probes.StreamProbes.Count == 0)
            return;
        InvocationSyntax? first = script.Entries.OfType<InvocationSyntax>().FirstOrDefault(entry => ConstructTable.Find(entry.Name.Text)?.Name == "Reconfigure");
        if (first is not null)
            diagnostics.Report(DiagnosticIds.ReconfigureBesideProbes, first.Head, "put it into a script of its own, or into the event probe that is to do it");
    }
}
