using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>The probes of a script by id and by label, known before anything in them is looked at: a reference may stand before what
/// it names.</summary>
internal sealed class ProbeIndex
{
    private readonly List<InvocationSyntax> _eventProbes = [], _streamProbes = [];
    private readonly Dictionary<string, InvocationSyntax> _byLabel = new(StringComparer.Ordinal);

    public ProbeIndex(ScriptSyntax script)
    {
        foreach (InvocationSyntax invocation in script.Entries.OfType<InvocationSyntax>())
        {
            Construct? construct = ConstructTable.Find(invocation.Name.Text);
            HasUnknown |= construct is null;
            if (construct?.Kind == ConstructKind.EventProbe)
                _eventProbes.Add(invocation);
            else if (construct?.Kind == ConstructKind.StreamProbe)
                _streamProbes.Add(invocation);
            if (invocation.Label is { } label && construct is null or { TakesLabel: true })
                _byLabel.TryAdd(label.Text, invocation);
        }
    }

    public IReadOnlyList<InvocationSyntax> EventProbes => _eventProbes;

    public IReadOnlyList<InvocationSyntax> StreamProbes => _streamProbes;

    /// <summary>Whether a name at the top level is unknown: it may have been meant for a probe, so ids are uncertain.</summary>
    public bool HasUnknown { get; }

    public bool HasProbes => _eventProbes.Count + _streamProbes.Count > 0 || HasUnknown;

    /// <summary>The first probe of that label, or null.</summary>
    public InvocationSyntax? Labelled(string label) => _byLabel.GetValueOrDefault(label);

    /// <summary>What an argument of <c>Reconfigure</c> names. In a script without probes, and at the top level, that is a probe which
    /// already runs, whatever its name.</summary>
    public ProbeReference? Resolve(Arguments arguments, int index, bool isTopLevel) => arguments[index] switch
    {
        NumberSyntax => arguments.Number(index, 0, int.MaxValue) is { } id ? ById(arguments, index, (int)id, isTopLevel) : null,
        WordSyntax word => ByName(arguments, index, word, isTopLevel),
        _ => arguments.WrongKind<ProbeReference>(index),
    };

    private ProbeReference? ById(Arguments arguments, int index, int id, bool isTopLevel)
    {
        if (id < _eventProbes.Count || isTopLevel || !HasProbes)
            return new ProbeReference(id, null, arguments[index].Span);
        if (HasUnknown)
            return null;
        if (id < _eventProbes.Count + _streamProbes.Count)
            return arguments.Report<ProbeReference>(DiagnosticIds.StreamProbeReconfigured, index, null, id);
        return arguments.Report<ProbeReference>(DiagnosticIds.UnknownProbeId, index, "ids count from 0 in the order of the event probes", id,
            _eventProbes.Count switch { 0 => "no event probe", 1 => "one event probe, 0", _ => $"event probes 0 to {_eventProbes.Count - 1}" });
    }

    private ProbeReference? ByName(Arguments arguments, int index, WordSyntax word, bool isTopLevel)
    {
        if (isTopLevel || !HasProbes)
            return new ProbeReference(null, word.Text, word.Span);
        if (Labelled(word.Text) is not { } probe)
            return arguments.Report<ProbeReference>(DiagnosticIds.UnknownLabel, index, NearestName.Hint(word.Text, _byLabel.Keys), Shown.Of(word.Text));
        if (_eventProbes.IndexOf(probe) is int id and >= 0)
            return new ProbeReference(id, word.Text, word.Span);
        return _streamProbes.Contains(probe) ? arguments.Report<ProbeReference>(DiagnosticIds.StreamProbeReconfigured, index, null, Shown.Of(word.Text)) : null;
    }
}
