using VmiPl.Compilation.Records;
using VmiPl.Language.Model;

namespace VmiPl.Compilation.Lowering;

/// <summary>Numbers the schemas of a session in the order in which programs come to need them.</summary>
internal sealed class SchemaTable(int firstIndex)
{
    private readonly List<RecordSchema> _added = [];

    /// <summary>The schemas added, in order.</summary>
    public IReadOnlyList<RecordSchema> Added => _added;

    /// <summary>The number behind the last one.</summary>
    public int Count => firstIndex + _added.Count;

    /// <summary>Adds the schema of a data probe, filter or instruction <paramref name="construct"/> of an event probe; returns its number.</summary>
    public int Add(EventProbe probe, string construct, Output output, RecordSchema schema)
    {
        int index = Count;
        _added.Add(schema with { Index = index, ProbeId = probe.Id, Label = probe.Label, Event = probe.EventName, Probe = construct, Output = output });
        return index;
    }
}
