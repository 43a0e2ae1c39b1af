namespace VmiPl.Memory;

/// <summary>One operation's view of physical memory. Where reading costs a call, it keeps a copy of each page that the
/// operation touched, reads missing ones in batches, and so asks for no page twice; where memory is mapped here it passes
/// everything through. Not thread-safe: one operation, one snapshot. <see cref="Reset"/> makes it ready for the next one
/// and keeps the buffers. Memory use is bounded: when full it drops all copies and goes on, so that copies are of one
/// moment only as long as an operation stays within the bound.</summary>
public sealed class SnapshotMemory : IGuestMemory
{
    private const int PageShift = 12, PageSize = 1 << PageShift, PagesPerSlab = 64;
    private readonly IGuestMemory _source;
    private readonly int _maxPages;
    private readonly List<byte[]> _slabs = [];
    private readonly Dictionary<ulong, int> _slotOfFrame = [];   // frame ─► slot, or Unreadable
    private readonly List<ulong> _wanted = [];
    private MemoryRequest[] _requests = new MemoryRequest[PagesPerSlab];
    private int _used;
    private const int Unreadable = -1;

    /// <summary>Makes a view over <paramref name="source"/>, which it does not own. <paramref name="maxPages"/> bounds the
    /// copies kept, and the pages remembered as unreadable, in pages of 4 KiB (rounded up to a multiple of 64).</summary>
    public SnapshotMemory(IGuestMemory source, int maxPages = 16 * 1024)
    {
        _source = source;
        _maxPages = Math.Max(maxPages, PagesPerSlab);
        KeepsCopies = !source.IsMapped;
    }

    /// <summary>Whether pages are copied; false where the source is mapped and copies would only cost.</summary>
    public bool KeepsCopies { get; }

    /// <inheritdoc/>
    public IReadOnlyList<PhysicalRange> Ranges => _source.Ranges;

    /// <inheritdoc/>
    public MemoryAccess Access => _source.Access;

    /// <inheritdoc/>
    public bool IsMapped => _source.IsMapped;

    /// <summary>Pages that an answer is kept for, readable or not, and pages noted for the next batch.</summary>
    internal int KnownPages => _slotOfFrame.Count + _wanted.Count;

    /// <summary>Bytes of the buffers for copies.</summary>
    internal long BufferBytes => (long)_slabs.Count * PagesPerSlab * PageSize;

    /// <summary>Forgets every copy; buffers stay for the next operation.</summary>
    public void Reset()
    {
        _slotOfFrame.Clear();
        _wanted.Clear();
        _used = 0;
    }

    /// <inheritdoc/>
    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        if (!KeepsCopies)
            return _source.Read(address, buffer);
        int done = 0;
        while (done < buffer.Length)
        {
            ulong at = address.Value + (ulong)done;
            if (at < address.Value)
                break;
            int offset = (int)(at & (PageSize - 1));
            int piece = Math.Min(PageSize - offset, buffer.Length - done);
            int slot = SlotOf(at >> PageShift);
            if (slot == Unreadable)
            {
                // A page may be backed in part only (the end of an odd-sized block): ask the source itself.
                int got = _source.Read(new GuestPhysicalAddress(at), buffer.Slice(done, piece));
                done += got;
                if (got < piece)
                    break;
                continue;
            }
            PageAt(slot).Slice(offset, piece).CopyTo(buffer[done..]);
            done += piece;
        }
        return done;
    }

    /// <summary>Gives a view of the memory or of its copy. A copy's view is valid until the next call on this snapshot.</summary>
    public bool TryGetSpan(GuestPhysicalAddress address, int length, out ReadOnlySpan<byte> view)
    {
        if (!KeepsCopies)
            return _source.TryGetSpan(address, length, out view);
        view = default;
        int offset = (int)(address.Value & (PageSize - 1));
        if ((uint)length > (uint)(PageSize - offset))
            return false;
        int slot = SlotOf(address.Value >> PageShift);
        if (slot == Unreadable)
            return false;
        view = PageAt(slot).Slice(offset, length);
        return true;
    }

    /// <inheritdoc/>
    public GuestPhysicalAddress SkipHole(GuestPhysicalAddress address) => _source.SkipHole(address);

    /// <summary>Writes through to the source; the copies of the pages written are dropped.</summary>
    public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes)
    {
        ulong last = address.Value + Math.Min((ulong)bytes.Length, ulong.MaxValue - address.Value);
        for (ulong frame = address.Value >> PageShift; frame <= last >> PageShift; frame++)
            _slotOfFrame.Remove(frame);
        return _source.Write(address, bytes);
    }

    /// <summary>Notes that the page of an address will be needed; <see cref="FetchWanted"/> reads it. More pages than may be
    /// kept are not noted.</summary>
    internal void Want(GuestPhysicalAddress address)
    {
        ulong frame = address.Value >> PageShift;
        if (_wanted.Count < _maxPages && !_slotOfFrame.ContainsKey(frame))
            _wanted.Add(frame);
    }

    /// <summary>Reads all noted pages that are not here yet, a slab at a time.</summary>
    internal void FetchWanted()
    {
        try
        {
            FetchSlabs();
        }
        catch
        {
            // Placeholders of pages that were never read must not pass for unreadable ones.
            Reset();
            throw;
        }
        _wanted.Clear();
    }

    private void FetchSlabs()
    {
        _wanted.Sort();
        int next = 0;
        while (next < _wanted.Count)
        {
            MakeRoom();
            int slab = _used / PagesPerSlab, room = PagesPerSlab - _used % PagesPerSlab;
            int count = 0;
            for (; next < _wanted.Count && count < room; next++)
            {
                ulong frame = _wanted[next];
                // A frame noted twice stands twice in a row; the placeholder catches it.
                if (!_slotOfFrame.TryAdd(frame, Unreadable))
                    continue;
                _requests[count] = new MemoryRequest(new GuestPhysicalAddress(frame << PageShift), (_used % PagesPerSlab + count) * PageSize, PageSize);
                count++;
            }
            if (count == 0)
                continue;
            Span<MemoryRequest> requests = _requests.AsSpan(0, count);
            _source.ReadBatch(requests, _slabs[slab]);
            for (int i = 0; i < count; i++)
            {
                if (requests[i].Done == PageSize)
                    _slotOfFrame[requests[i].Address.Value >> PageShift] = _used + i;
            }
            _used += count;
        }
    }

    private int SlotOf(ulong frame)
    {
        if (_slotOfFrame.TryGetValue(frame, out int slot))
            return slot;
        MakeRoom();
        slot = _used;
        bool whole = _source.Read(new GuestPhysicalAddress(frame << PageShift), PageAt(slot)) == PageSize;
        _slotOfFrame[frame] = whole ? slot : Unreadable;
        if (whole)
            _used++;
        return whole ? slot : Unreadable;
    }

    private void MakeRoom()
    {
        // Unreadable pages take no slot but an entry: a guest can name 2^40 of them.
        if (_used >= _maxPages || _slotOfFrame.Count >= 2 * (long)_maxPages)
        {
            _slotOfFrame.Clear();
            _used = 0;
        }
        if (_used / PagesPerSlab >= _slabs.Count)
            _slabs.Add(GC.AllocateUninitializedArray<byte>(PagesPerSlab * PageSize));
    }

    private Span<byte> PageAt(int slot) => _slabs[slot / PagesPerSlab].AsSpan(slot % PagesPerSlab * PageSize, PageSize);
}
