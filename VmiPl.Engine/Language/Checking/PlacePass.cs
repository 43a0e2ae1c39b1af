using System.Collections.Immutable;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Every name is known, stands where it may, and has a body and a label only where it can have them.</summary>
internal static class PlacePass
{
    public static void Check(ScriptSyntax script, DiagnosticBag diagnostics) => Entries(script.Entries, ConstructPlaces.TopLevel, diagnostics);

    private static void Entries(ImmutableArray<EntrySyntax> entries, ConstructPlaces place, DiagnosticBag diagnostics, bool isParentKnown = true)
    {
        foreach (EntrySyntax entry in entries)
        {
            if (diagnostics.IsFull)
                return;
            if (entry is InvocationSyntax invocation)
                Invocation(invocation, place, diagnostics);
            else if (entry is SettingSyntax setting && isParentKnown)
                diagnostics.Report(DiagnosticIds.SettingOutsideConfiguration, setting.Span, null, Shown.Of(setting.Key.Text), Shown.Text(setting.Value));
        }
    }

    private static void Invocation(InvocationSyntax invocation, ConstructPlaces place, DiagnosticBag diagnostics)
    {
        Construct? construct = ConstructTable.Find(invocation.Name.Text);
        if (construct is null)
        {
            Unknown(invocation, place, diagnostics);
            return;
        }
        if (!construct.Places.HasFlag(place))
            Misplaced(invocation, construct, diagnostics);
        if (invocation.Label is { } label && !construct.TakesLabel)
            diagnostics.Report(DiagnosticIds.LabelNotAllowed, label.Span, null, construct.Name);
        if (invocation.Body is null)
        {
            if (construct.Body == BodyUse.Required && !invocation.IsDamaged)
                diagnostics.Report(DiagnosticIds.MissingBody, invocation.Head, "an empty one is written `{}`", construct.Name);
            return;
        }
        if (construct.Body == BodyUse.None)
            diagnostics.Report(DiagnosticIds.UnexpectedBody, invocation.Head, null, construct.Name);
        if (construct.Kind != ConstructKind.Block)
            Entries(invocation.Body.Value, ConstructPlaces.Body, diagnostics);
    }

    private static void Unknown(InvocationSyntax invocation, ConstructPlaces place, DiagnosticBag diagnostics)
    {
        string name = invocation.Name.Text;
        string? nearest = NearestName.Find(name, ConstructTable.All.Where(construct => construct.Places.HasFlag(place)).Select(construct => construct.Name))
            ?? NearestName.Find(name, ConstructTable.All.Select(construct => construct.Name));
        if (ReservedNames.All.Contains(name))
            diagnostics.Report(DiagnosticIds.ReservedName, invocation.Name.Span, null, Shown.Of(name));
        else
            diagnostics.Report(DiagnosticIds.UnknownName, invocation.Name.Span, nearest is null ? null : $"did you mean `{nearest}`?", Shown.Of(name));
        // What was meant for a Configuration has no probes in it.
        if (invocation.Body is { } body && (nearest is null || ConstructTable.Find(nearest)!.Kind != ConstructKind.Block))
            Entries(body, ConstructPlaces.Body, diagnostics, isParentKnown: false);
    }

    private static void Misplaced(InvocationSyntax invocation, Construct construct, DiagnosticBag diagnostics)
    {
        const string Inside = "put it into the braces of an event probe, which says when it is done: `ExecuteAt(<address>){ … }`";
        if (construct.Kind == ConstructKind.Filter)
            diagnostics.Report(DiagnosticIds.FilterOutsideProbe, invocation.Name.Span, Inside, construct.Name);
        else if (construct.Places.HasFlag(ConstructPlaces.Body))
            diagnostics.Report(DiagnosticIds.WrongPlace, invocation.Name.Span, Inside, $"The {construct.KindName}", construct.Name, "outside an event probe");
        else
            diagnostics.Report(DiagnosticIds.WrongPlace, invocation.Name.Span, "it stands at the top level of the script, outside all braces",
                $"The {construct.KindName}", construct.Name, "inside another probe");
    }
}
