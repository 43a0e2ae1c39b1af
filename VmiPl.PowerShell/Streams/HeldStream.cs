using VmiPl.Errors;
using VmiPl.Streams;

namespace VmiPl.Commands.Streams;

/// <summary>One stream of a session, with the records that were taken from it and not handed out: the first of it, taken to compare it with other
/// streams', and those that a reader with <c>-Probe</c> came across and did not want. Not thread-safe.</summary>
internal sealed class HeldStream(RecordStream stream, int capacity)
{
    private readonly Dictionary<int, Queue<(long Number, VmiRecord Record)>> _held = [];
    private long _numbered;
    private int _count;

    /// <summary>The stream itself.</summary>
    public RecordStream Stream => stream;

    /// <summary>Records taken and not handed out.</summary>
    public long HeldRecords => _held.Values.Sum(queue => queue.LongCount(entry => entry.Record is not LossRecord));

    /// <summary>Whether there is any of the probes that are wanted among them.</summary>
    public bool Holds(IReadOnlySet<int>? probes) => _held.Any(pair => pair.Value.Count > 0 && IsWanted(pair.Key, probes));

    /// <summary>The next record of the probes that are wanted, all where null; null where none waits. It stays here. Throws <c>LimitExceeded</c> where so
    /// many unwanted records would have to be kept that more would not be safe.</summary>
    public VmiRecord? Peek(IReadOnlySet<int>? probes)
    {
        (long Number, VmiRecord Record)? first = null;
        foreach ((int probe, Queue<(long Number, VmiRecord Record)> queue) in _held)
        {
            if (queue.TryPeek(out (long Number, VmiRecord Record) head) && IsWanted(probe, probes) && (first is null || head.Number < first.Value.Number))
                first = head;
        }
        if (first is not null)
            return first.Value.Record;
        while (true)
        {
            if (_count >= capacity)
            {
                throw new VmiException(VmiErrorCode.LimitExceeded,
                    $"{_count} records of other probes than those asked for wait in stream '{stream.Name}', and none is thrown away: receive them too, filter by Where-Object instead, or give each probe a stream of its own.", stream.Name);
            }
            if (!stream.TryRead(out VmiRecord record))
                return null;
            Hold(record);
            if (IsWanted(record.ProbeId, probes))
                return record;
        }
    }

    /// <summary>Hands out the record that <see cref="Peek"/> has given.</summary>
    public void Take(VmiRecord record)
    {
        _held[record.ProbeId].Dequeue();
        _count--;
    }

    private void Hold(VmiRecord record)
    {
        if (!_held.TryGetValue(record.ProbeId, out Queue<(long Number, VmiRecord Record)>? queue))
            _held.Add(record.ProbeId, queue = new());
        queue.Enqueue((_numbered++, record));
        _count++;
    }

    /// <summary>What the session says of itself is for every reader.</summary>
    private static bool IsWanted(int probe, IReadOnlySet<int>? probes) => probes is null || probe < 0 || probes.Contains(probe);
}
