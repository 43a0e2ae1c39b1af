using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Labels of probes are no numbers, no words of the language, and different.</summary>
internal static class LabelPass
{
    public static void Check(ProbeIndex probes, DiagnosticBag diagnostics)
    {
        foreach (InvocationSyntax probe in probes.EventProbes.Concat(probes.StreamProbes).OrderBy(probe => probe.Span.Start))
        {
            if (probe.Label is not { } label)
                continue;
            if (NumberText.IsNumber(label.Text))
                diagnostics.Report(DiagnosticIds.LabelIsNumber, label.Span, null, Shown.Of(label.Text));
            else if (ConstructTable.Find(label.Text) is not null || ReservedNames.All.Contains(label.Text))
                diagnostics.Report(DiagnosticIds.LabelIsKeyword, label.Span, null, Shown.Of(label.Text));
            else if (probes.Labelled(label.Text) is { } first && !ReferenceEquals(first, probe))
                diagnostics.Report(DiagnosticIds.DuplicateLabel, label.Span, null, Shown.Of(label.Text), diagnostics.Source.PositionOf(first.Label!.Span.Start).Line);
        }
    }
}
