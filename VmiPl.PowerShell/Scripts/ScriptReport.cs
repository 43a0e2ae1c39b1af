using System.Globalization;
using VmiPl.Compilation;
using VmiPl.Compilation.Bytecode;
using VmiPl.Language;
using VmiPl.Language.Model;

namespace VmiPl.Commands.Scripts;

/// <summary>Makes the report of a script that was read, checked and compiled.</summary>
internal static class ScriptReport
{
    public static VmiScriptReport Of(CompiledScript compiled, string? machine, bool withPrograms)
    {
        VmiScript script = compiled.Script;
        VmiProbeSummary[] events =
            [.. script.EventProbes.Select(probe => Summarize(probe, Find(compiled, probe), compiled.IsEstimate))];
        VmiProbeSummary[] streams = [.. script.StreamProbes.Select(Summarize)];
        IEnumerable<string> changes = BodyWalk.Outputs(script.Reconfigurations);
        return new VmiScriptReport
        {
            File = script.Source.File,
            Machine = machine,
            IsValid = !compiled.HasErrors,
            IsEstimate = compiled.IsEstimate,
            Diagnostics = [.. compiled.Diagnostics.Select(Of)],
            EventProbes = events,
            StreamProbes = streams,
            Outputs = [.. events.Concat(streams).SelectMany(probe => probe.Outputs).Concat(changes).Distinct().Order(StringComparer.Ordinal)],
            LeftOpen = compiled.IsEstimate ? [.. LeftOpen(script).Distinct().Order(StringComparer.Ordinal)] : [],
            Programs = withPrograms && !compiled.HasErrors ? [.. compiled.Probes.SelectMany(probe => Programs(probe, compiled.IsEstimate))] : [],
        };
    }

    public static VmiDiagnostic Of(Diagnostic diagnostic) => new(
        diagnostic.Source.File, diagnostic.Line, diagnostic.Column, diagnostic.Id, diagnostic.Severity.ToString(), diagnostic.Message, diagnostic.Hint)
    {
        LineText = DiagnosticError.Line(diagnostic),
    };

    /// <summary>What a script with errors was compiled to is good for finding more of them only: its sites and costs are not shown.</summary>
    private static CompiledProbe? Find(CompiledScript compiled, EventProbe probe) =>
        compiled.HasErrors ? null : compiled.Probes.FirstOrDefault(candidate => candidate.Probe.Id == probe.Id);

    private static VmiProbeSummary Summarize(EventProbe probe, CompiledProbe? compiled, bool isEstimate) => new()
    {
        Id = probe.Id,
        Label = probe.Label,
        Event = EventOf(probe),
        Site = compiled is null || isEstimate ? null : SiteText.Of(compiled.Site),
        DataProbes = BodyWalk.All(probe.Body).Count(statement => statement is not FilterStatement),
        Outputs = [.. BodyWalk.Outputs(probe.Body).Distinct()],
        Cost = compiled is null ? null : CostOf(compiled.Bodies[0].Cost),
    };

    private static VmiProbeSummary Summarize(StreamProbe probe) => new()
    {
        Id = probe.Id,
        Label = probe.Label,
        Event = probe.MacAddress is null ? "CaptureKeyboardInput" : $"CaptureNetwork({probe.MacAddress})",
        Outputs = [probe.Output.ToString()],
    };

    private static VmiProbeCost CostOf(BodyCost cost) => new(
        cost.Instructions, cost.GuestAccesses, cost.GuestBytes, cost.Records, cost.PerProcess is { } once ? CostOf(once) : null);

    private static IEnumerable<VmiProbeProgram> Programs(CompiledProbe probe, bool isEstimate) =>
        probe.Bodies.Select((body, number) => new VmiProbeProgram(probe.Probe.Id, EventOf(probe.Probe), number, isEstimate, Disassembler.Lines(body.Program.Code.AsSpan())));

    private static string EventOf(EventProbe probe)
    {
        string? parameter = probe.Address?.ToString() ?? probe.Name ?? probe.Number?.ToString(CultureInfo.InvariantCulture);
        return parameter is null ? probe.EventName : $"{probe.EventName}({parameter})";
    }

    // No iterator: one keeps a struct of the Engine's, and its type then can't be loaded where PowerShell looks for cmdlets.
    private static IEnumerable<string> LeftOpen(VmiScript script) =>
        script.EventProbes.Select(probe => probe.Address?.Symbol).OfType<string>()
            .Concat(script.EventProbes.Where(probe => probe.Kind == EventKind.SystemCall && probe.Name is not null).Select(probe => $"Syscall({probe.Name})"))
            .Concat(BodyWalk.Symbols(script.EventProbes.SelectMany(probe => probe.Body).Concat(script.Reconfigurations)));
}
