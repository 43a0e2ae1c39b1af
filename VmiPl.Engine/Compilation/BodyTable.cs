using System.Collections.Immutable;
using VmiPl.Language.Model;

namespace VmiPl.Compilation;

/// <summary>Numbers the bodies that each probe may run, and keeps those that still have to be compiled: a body that replaces another may itself
/// replace bodies.</summary>
internal sealed class BodyTable
{
    private readonly Dictionary<int, int> _counts = [];
    private readonly Queue<(int Probe, ImmutableArray<Statement> Statements)> _waiting = [];

    /// <summary>Says how many bodies a probe has already.</summary>
    public void Begin(int probe, int count) => _counts[probe] = count;

    /// <summary>Adds a body to a probe; returns its number.</summary>
    public int Add(int probe, ImmutableArray<Statement> statements)
    {
        int number = _counts.GetValueOrDefault(probe);
        _counts[probe] = number + 1;
        _waiting.Enqueue((probe, statements));
        return number;
    }

    /// <summary>The next body to compile, in the order of the numbers of each probe.</summary>
    public bool TryTake(out (int Probe, ImmutableArray<Statement> Statements) body) => _waiting.TryDequeue(out body);
}
