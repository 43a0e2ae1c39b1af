namespace VmiPl.Streams;

/// <summary>The records that are missing at one place of a stream, by probe, in the order of each probe's first. Not thread-safe.</summary>
internal sealed class GapTable
{
    private readonly List<LossRecord> _losses = [];

    public bool IsEmpty => _losses.Count == 0;

    /// <summary>Counts a record that is missing here; a <see cref="LossRecord"/> stands for all that it counts.</summary>
    public void Add(VmiRecord record)
    {
        long lost = Weight(record);
        int at = _losses.FindIndex(loss => loss.ProbeId == record.ProbeId);
        if (at >= 0)
            _losses[at] = _losses[at] with { Lost = _losses[at].Lost + lost };
        else
            _losses.Add(new LossRecord
            {
                Lost = lost, Time = record.Time, Sequence = record.Sequence, Machine = record.Machine, Vcpu = record.Vcpu,
                ProbeId = record.ProbeId, Label = record.Label, Event = record.Event, Stream = record.Stream,
            });
    }

    /// <summary>How many records one stands for.</summary>
    public static long Weight(VmiRecord record) => record is LossRecord loss ? loss.Lost : 1;

    /// <summary>Hands the losses out and forgets them.</summary>
    public void Drain(Action<LossRecord> take)
    {
        foreach (LossRecord loss in _losses)
            take(loss);
        _losses.Clear();
    }
}
