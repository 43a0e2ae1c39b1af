using System.Diagnostics;
using System.Threading.Channels;

namespace VmiPl.Streams;

/// <summary>Records on their way from those who make them to those who read them: a bounded queue that says what it had no room for, at the
/// place where it is missing. Any number of threads may write and read; each record goes to exactly one reader. <see cref="Written"/> is
/// always <see cref="Read"/> + <see cref="Waiting"/> + <see cref="Lost"/>, counted in records; a <see cref="LossRecord"/> is none of its own.</summary>
public sealed class RecordStream
{
    private readonly Channel<VmiRecord> _channel;
    private readonly StreamOptions _options;
    private readonly Lock _lock = new();
    private readonly object _room = new();
    private readonly GapTable _gap = new();
    private readonly Dictionary<int, long> _lostOf = [];
    private long _written, _lost, _read;
    private int _queued, _blocked;
    private volatile bool _hasGap, _gaveUp, _completed;

    /// <summary><paramref name="hasReaderThread"/>: its one reader is a thread of ours, by <see cref="WaitToRead"/>.</summary>
    internal RecordStream(string name, StreamOptions options, bool hasReaderThread = false)
    {
        Name = name;
        _options = options;
        // Unbounded, because the bound is held here: announcements of losses may pass it, by as many as there are probes.
        _channel = Channel.CreateUnbounded<VmiRecord>(new UnboundedChannelOptions { AllowSynchronousContinuations = hasReaderThread });
    }

    /// <summary>The stream's name without <c>#</c>, or the file's path.</summary>
    public string Name { get; }

    /// <summary>Records that were made for this stream.</summary>
    public long Written => Counts().Written;

    /// <summary>Records that readers have taken.</summary>
    public long Read => Counts().Read;

    /// <summary>Records that wait for a reader.</summary>
    public long Waiting
    {
        get
        {
            (long written, long read, long lost) = Counts();
            return written - read - lost;
        }
    }

    /// <summary>Records that no reader will ever get.</summary>
    public long Lost => Counts().Lost;

    /// <summary>Whether nothing will come any more and everything was read.</summary>
    public bool IsCompleted => _channel.Reader.Completion.IsCompleted;

    /// <summary>The next record, or false where none waits now.</summary>
    public bool TryRead(out VmiRecord record)
    {
        if (!_channel.Reader.TryRead(out VmiRecord? got))
        {
            record = null!;
            return false;
        }
        record = got;
        if (got is not LossRecord)
            Interlocked.Increment(ref _read);
        // A full fence: whoever waits, or leaves a gap, looks at this count after it has said so.
        Interlocked.Decrement(ref _queued);
        if (_gaveUp)
            _gaveUp = false;
        if (_hasGap)
        {
            lock (_lock)
                CloseGap();
        }
        if (Volatile.Read(ref _blocked) > 0)
            WakeWriters();
        return true;
    }

    /// <summary>Waits for a record; false where none will come any more. Another reader may be faster: then
    /// <see cref="TryRead"/> gives nothing. Throws <see cref="OperationCanceledException"/> only.</summary>
    public ValueTask<bool> WaitToReadAsync(CancellationToken cancel = default) => _channel.Reader.WaitToReadAsync(cancel);

    /// <summary>As <see cref="WaitToReadAsync"/>, for the reader's own thread. The writer wakes it, with no need of the thread pool, which may have no thread
    /// left: then the reader would wait, and records be lost, for as long as that lasts.</summary>
    internal bool WaitToRead() => WaitToReadAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Records of one probe that no reader will ever get.</summary>
    public long LostOf(int probeId)
    {
        lock (_lock)
            return _lostOf.GetValueOrDefault(probeId);
    }

    /// <summary>Puts a record in, or counts it as lost. Never throws; waits only under <see cref="FullPolicy.Block"/>.</summary>
    internal void Write(VmiRecord record)
    {
        // A loss that is announced from outside joins those of this stream: it needs no room.
        if (record is LossRecord || (!TryWrite(record) && !(_options.OnFull == FullPolicy.Block && WaitAndWrite(record))))
            Lose(record);
    }

    /// <summary>Tells of a loss that was counted elsewhere: a file's, whose format has no words for it.</summary>
    internal void Announce(LossRecord loss)
    {
        lock (_lock)
            LeaveGap(loss);
    }

    /// <summary>Takes back that a record was read: its reader could not keep it.</summary>
    internal void Unread(VmiRecord record)
    {
        if (record is LossRecord)
            return;   // it is counted already
        lock (_lock)
        {
            Interlocked.Decrement(ref _read);
            CountLoss(record);
        }
    }

    /// <summary>Ends the stream: losses that were not announced yet are, readers get what waits, and later records are lost.</summary>
    internal void Complete()
    {
        lock (_lock)
        {
            if (_completed)
                return;
            AnnounceGap();
            _completed = true;
            _channel.Writer.Complete();
        }
        WakeWriters();
    }

    private (long Written, long Read, long Lost) Counts()
    {
        lock (_lock)
        {
            long read = Interlocked.Read(ref _read);
            return (_written, read, _lost);
        }
    }

    private bool HasRoom => Volatile.Read(ref _queued) < _options.Capacity;

    private bool TryWrite(VmiRecord record)
    {
        lock (_lock)
        {
            if (_completed || !HasRoom)
                return false;
            _written++;
            AnnounceGap();
            Enqueue(record);
            return true;
        }
    }

    private void Lose(VmiRecord record)
    {
        lock (_lock)
        {
            _written += GapTable.Weight(record);
            CountLoss(record);
            LeaveGap(record);
        }
    }

    private bool WaitAndWrite(VmiRecord record)
    {
        long start = Stopwatch.GetTimestamp();
        Interlocked.Increment(ref _blocked);
        try
        {
            while (!_gaveUp && !_completed)
            {
                if (TryWrite(record))
                    return true;
                TimeSpan left = _options.BlockTimeout - Stopwatch.GetElapsedTime(start);
                if (left <= TimeSpan.Zero)
                {
                    _gaveUp = true;
                    return false;
                }
                lock (_room)
                {
                    // Whoever makes room takes this lock afterwards, so that its call is not missed.
                    if (!HasRoom && !_completed)
                        Monitor.Wait(_room, left);
                }
            }
            return TryWrite(record);
        }
        finally
        {
            Interlocked.Decrement(ref _blocked);
        }
    }

    private void WakeWriters()
    {
        lock (_room)
            Monitor.PulseAll(_room);
    }

    // The rest is called under the lock.

    private void LeaveGap(VmiRecord record)
    {
        if (_completed)
            return;
        _gap.Add(record);
        _hasGap = true;
        // Readers may have made room meanwhile without seeing the gap; then nobody else would announce it.
        Interlocked.MemoryBarrier();
        CloseGap();
    }

    private void CloseGap()
    {
        if (HasRoom && !_completed)
            AnnounceGap();
    }

    private void AnnounceGap()
    {
        if (!_hasGap)
            return;
        _gap.Drain(Enqueue);
        _hasGap = false;
    }

    private void Enqueue(VmiRecord record)
    {
        Interlocked.Increment(ref _queued);
        _channel.Writer.TryWrite(record);
    }

    private void CountLoss(VmiRecord record)
    {
        long lost = GapTable.Weight(record);
        _lost += lost;
        _lostOf[record.ProbeId] = _lostOf.GetValueOrDefault(record.ProbeId) + lost;
    }
}
