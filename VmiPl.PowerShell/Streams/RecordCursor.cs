using VmiPl.Commands.Probes;
using VmiPl.Streams;

namespace VmiPl.Commands.Streams;

/// <summary>Reads a session's streams as one, in the order of the events. <paramref name="wantsStream"/> chooses streams by name,
/// <paramref name="probes"/> probes by id; null takes all. For one thread.</summary>
internal sealed class RecordCursor(VmiProbe probe, Func<string, bool>? wantsStream = null, IReadOnlySet<int>? probes = null)
{
    private readonly List<HeldStream> _chosen = [];
    private int _seen;

    /// <summary>The session.</summary>
    public VmiProbe Probe => probe;

    /// <summary>Whether everything that was asked for has been handed out and nothing more will come.</summary>
    public bool IsCompleted
    {
        get
        {
            lock (probe.Reader.Gate)
                return probe.Session.Over.IsCompleted && Streams().All(stream => stream.Stream.IsCompleted && !stream.Holds(probes));
        }
    }

    /// <summary>The streams that something may come from.</summary>
    public IReadOnlyList<RecordStream> Sources
    {
        get
        {
            lock (probe.Reader.Gate)
                return [.. Streams().Select(stream => stream.Stream)];
        }
    }

    /// <summary>Hands out the next record; false where none waits. Throws as <see cref="HeldStream.Peek"/>.</summary>
    public bool TryTake(out VmiRecord record)
    {
        lock (probe.Reader.Gate)
        {
            HeldStream? from = null;
            record = null!;
            foreach (HeldStream stream in Streams())
            {
                if (stream.Peek(probes) is not { } head || (from is not null && !IsBefore(head, record)))
                    continue;
                from = stream;
                record = head;
            }
            from?.Take(record);
            return from is not null;
        }
    }

    private List<HeldStream> Streams()
    {
        IReadOnlyList<HeldStream> all = probe.Reader.Streams;
        for (; _seen < all.Count; _seen++)
        {
            if (wantsStream?.Invoke(all[_seen].Stream.Name) != false)
                _chosen.Add(all[_seen]);
        }
        return _chosen;
    }

    /// <summary>One event may write to several streams: its records have one time, and are counted.</summary>
    private static bool IsBefore(VmiRecord one, VmiRecord other) =>
        one.Time != other.Time ? one.Time < other.Time : one.ProbeId == other.ProbeId && one.Sequence < other.Sequence;
}
