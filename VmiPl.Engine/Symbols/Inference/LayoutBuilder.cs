namespace VmiPl.Symbols.Inference;

/// <summary>Collects what the single inferences find.</summary>
internal sealed class LayoutBuilder
{
    private readonly Dictionary<string, int> _offsets = [];
    private readonly Dictionary<string, ulong> _symbols = [];

    /// <summary>Notes an offset or a size.</summary>
    public void Offset(string key, int value) => _offsets[key] = value;

    /// <summary>Notes a symbol's address.</summary>
    public void Symbol(string name, ulong address) => _symbols[name] = address;

    /// <summary>An offset found before, or null.</summary>
    public int? Find(string key) => _offsets.TryGetValue(key, out int value) ? value : null;

    /// <summary>A symbol found before, or null.</summary>
    public ulong? FindSymbol(string name) => _symbols.TryGetValue(name, out ulong value) ? value : null;

    /// <summary>What was found so far.</summary>
    public InferredLayout Build() => new(_offsets, _symbols);
}
