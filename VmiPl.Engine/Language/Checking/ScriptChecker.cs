using System.Collections.Immutable;
using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Asks what a script's tree means, as far as that can be known without a guest. Never throws for bad input; what is wrong
/// goes to the diagnostics, all of it.</summary>
internal static class ScriptChecker
{
    /// <summary>The checked script. <paramref name="diagnostics"/> may hold what the parser had to say.</summary>
    public static VmiScript Check(SourceText source, ScriptSyntax syntax, DiagnosticBag diagnostics)
    {
        var probes = new ProbeIndex(syntax);
        PlacePass.Check(syntax, diagnostics);
        LabelPass.Check(probes, diagnostics);
        ImmutableArray<ConfigurationKey> configuration = ConfigurationPass.Check(syntax, diagnostics);
        WatchpointPass.Check(probes, diagnostics);
        ReconfigurePass.Check(syntax, probes, diagnostics);

        var bodies = new BodyPass(probes, diagnostics);
        var eventProbes = ImmutableArray.CreateBuilder<EventProbe>();
        var streamProbes = ImmutableArray.CreateBuilder<StreamProbe>();
        var reconfigurations = ImmutableArray.CreateBuilder<ReconfigureStatement>();
        int eventId = 0, streamId = probes.EventProbes.Count;
        foreach (InvocationSyntax invocation in syntax.Entries.OfType<InvocationSyntax>())
        {
            if (diagnostics.IsFull)
                break;
            switch (ConstructTable.Find(invocation.Name.Text))
            {
                case { Kind: ConstructKind.EventProbe }:
                    if (ProbePass.Event(invocation, eventId++, bodies, diagnostics) is { } eventProbe)
                        eventProbes.Add(eventProbe);
                    break;
                case { Kind: ConstructKind.StreamProbe }:
                    if (ProbePass.Stream(invocation, streamId++, diagnostics) is { } streamProbe)
                        streamProbes.Add(streamProbe);
                    break;
                case { Name: "Reconfigure" } construct:
                    var arguments = new Arguments(invocation, construct, diagnostics);
                    if (bodies.Reconfigure(invocation, arguments, arguments.HaveRightCount(), isTopLevel: true) is { } reconfigure)
                        reconfigurations.Add(reconfigure);
                    break;
                default:
                    bodies.Check(invocation);
                    break;
            }
        }
        WarningPass.Check(syntax.Entries, diagnostics);
        return new VmiScript
        {
            Source = source,
            Configuration = configuration,
            EventProbes = eventProbes.ToImmutable(),
            StreamProbes = streamProbes.ToImmutable(),
            Reconfigurations = reconfigurations.ToImmutable(),
            Diagnostics = diagnostics.ToSorted(),
        };
    }
}
