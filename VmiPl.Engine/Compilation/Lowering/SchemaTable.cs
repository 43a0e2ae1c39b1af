using VmiPl.Compilation.Records;

namespace VmiPl.Compilation.Lowering;

/// <summary>Numbers the schemas of a session in the order in which programs come to need them.</summary>
internal sealed class SchemaTable(int firstIndex)
{
    private readonly List<RecordSchema> _added = [];

    /// <summary>The schemas added, in order.</summary>
    public IReadOnlyList<RecordSchema> Added => _added;

    /// <summary>The number behind the last one.</summary>
    public int Count => firstIndex + _added.Count;

    /// <summary>Adds the schema that <paramref name="make"/> makes for the next number; returns that number.</summary>
    public int Add(Func<int, RecordSchema> make)
    {
        RecordSchema schema = make(Count);
        _added.Add(schema);
        return schema.Index;
    }
}
