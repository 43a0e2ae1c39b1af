using VmiPl.Language;
using VmiPl.Language.Model;

namespace VmiPl.Commands.Scripts;

/// <summary>Makes the report of a script that was read and checked.</summary>
internal static class ScriptReport
{
    public static VmiScriptReport Of(VmiScript script)
    {
        VmiProbeSummary[] events = [.. script.EventProbes.Select(Summarize)];
        VmiProbeSummary[] streams =
            [.. script.StreamProbes.Select(probe => new VmiProbeSummary(
                probe.Id, probe.Label, probe.MacAddress is null ? "CaptureKeyboardInput" : $"CaptureNetwork({probe.MacAddress})", 0, [probe.Output.ToString()]))];
        IEnumerable<string> changes = script.Reconfigurations.SelectMany(change => change.Body is { } body ? OutputsOf(body) : []);
        return new VmiScriptReport
        {
            File = script.Source.File,
            IsValid = !script.HasErrors,
            Diagnostics = [.. script.Diagnostics.Select(Of)],
            EventProbes = events,
            StreamProbes = streams,
            Outputs = [.. events.Concat(streams).SelectMany(probe => probe.Outputs).Concat(changes).Distinct().Order(StringComparer.Ordinal)],
            LeftOpen = [.. LeftOpen(script).Distinct().Order(StringComparer.Ordinal)],
        };
    }

    public static VmiDiagnostic Of(Diagnostic diagnostic) => new(
        diagnostic.Source.File, diagnostic.Line, diagnostic.Column, diagnostic.Id, diagnostic.Severity.ToString(), diagnostic.Message, diagnostic.Hint);

    private static VmiProbeSummary Summarize(EventProbe probe)
    {
        string? parameter = probe.Address is { } address ? TextOf(address) : probe.Name ?? probe.Number?.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new VmiProbeSummary(
            probe.Id, probe.Label, parameter is null ? probe.EventName : $"{probe.EventName}({parameter})",
            All(probe.Body).Count(statement => statement is not FilterStatement), [.. OutputsOf(probe.Body).Distinct()]);
    }

    private static string TextOf(AddressOperand address) =>
        address.Symbol is null ? $"0x{address.Offset:x}"
        : address.Offset == 0 ? address.Symbol
        : address.Offset > long.MaxValue ? $"{address.Symbol}-0x{0 - address.Offset:x}"
        : $"{address.Symbol}+0x{address.Offset:x}";

    /// <summary>The statements of a body with those of its filters; a checked script's nesting is bounded.</summary>
    private static IEnumerable<Statement> All(IEnumerable<Statement> body) =>
        body.SelectMany(statement => statement switch
        {
            FilterStatement filter => All(filter.Body).Prepend(filter),
            ReconfigureStatement { Body: { } changed } => All(changed).Prepend(statement),
            _ => [statement],
        });

    private static IEnumerable<string> OutputsOf(IEnumerable<Statement> body) =>
        All(body).Select(OutputOf).OfType<Output>().Select(output => output.ToString());

    private static Output? OutputOf(Statement statement) => statement switch
    {
        ReadRegisterStatement read => read.Output,
        ReadMemoryStatement read => read.Output,
        ReadMemoryAtStatement read => read.Output,
        ReadStringStatement read => read.Output,
        ReadVmcsStatement read => read.Output,
        ProcessListStatement list => list.Output,
        _ => null,
    };

    private static IEnumerable<string> LeftOpen(VmiScript script)
    {
        foreach (EventProbe probe in script.EventProbes)
        {
            if (probe.Address?.Symbol is { } symbol)
                yield return symbol;
            if (probe.Kind == EventKind.SystemCall && probe.Name is { } call)
                yield return $"Syscall({call})";
        }
        IEnumerable<Statement> statements = script.EventProbes.SelectMany(probe => All(probe.Body))
            .Concat(script.Reconfigurations.SelectMany(change => All([change])));
        foreach (Statement statement in statements)
        {
            AddressOperand? address = statement switch
            {
                ReadMemoryStatement read => read.Address,
                ReadStringStatement read => read.Address,
                ValueAtAddressIsFilter filter => filter.Address,
                _ => null,
            };
            if (address?.Symbol is { } symbol)
                yield return symbol;
        }
    }
}
