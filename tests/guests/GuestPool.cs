namespace VmiPl.TestGuests;

/// <summary>Guests shared by tests: booted when first asked for, ended when room is needed or when the process ends.
/// A test that changes a guest for good starts one of its own instead.</summary>
public static class GuestPool
{
    private static readonly SemaphoreSlim _gate = new(1);
    private static readonly SemaphoreSlim _returned = new(0);
    private static readonly List<Entry> _entries = [];

    static GuestPool() => AppDomain.CurrentDomain.ProcessExit += (_, _) => Clear();

    // A guest that nobody works with costs its RAM and next to no time; booting it again costs a processor for ten seconds.
    private static readonly long _memoryMiB = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2 >> 20;

    /// <summary>Most guests alive at a time: <c>VMIPL_GUEST_LIMIT</c>, else 6; fewer where the RAM of all would be more than half of this
    /// machine's.</summary>
    public static int Limit { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("VMIPL_GUEST_LIMIT"), out var limit) && limit > 0 ? limit : 6;

    /// <summary>Lends a guest with these options. The caller disposes the loan, not the guest; others may hold the same
    /// guest meanwhile. Waits while as many guests as allowed are lent: hold one loan at a time.</summary>
    public static async Task<GuestLoan> GetAsync(GuestOptions options, CancellationToken cancel = default)
    {
        while (true)
        {
            await _gate.WaitAsync(cancel).ConfigureAwait(false);
            try
            {
                if (Find(options) is { } found)
                    return found;
                if (MakeRoom(options))
                    return await BootAsync(options, cancel).ConfigureAwait(false);
            }
            finally
            {
                _gate.Release();
            }
            await _returned.WaitAsync(cancel).ConfigureAwait(false);
        }
    }

    /// <summary>As <see cref="GetAsync"/>, for callers that cannot wait asynchronously.</summary>
    public static GuestLoan Get(GuestOptions options) => GetAsync(options).GetAwaiter().GetResult();

    /// <summary>Ends all guests, lent or not.</summary>
    public static void Clear()
    {
        lock (_entries)
        {
            foreach (var entry in _entries)
                entry.Guest.Dispose();
            _entries.Clear();
        }
    }

    private static GuestLoan? Find(GuestOptions options)
    {
        lock (_entries)
        {
            _entries.RemoveAll(e => e.Borrowers == 0 && !e.Guest.IsRunning && Ended(e));
            return _entries.Find(e => e.Guest.Options == options && e.Guest.IsRunning) is { } entry ? Lend(entry) : null;
        }
    }

    private static bool Ended(Entry entry)
    {
        entry.Guest.Dispose();
        return true;
    }

    /// <summary>Ends guests that are not lent until there is room for one more, if there can be; one alone always has room.</summary>
    private static bool MakeRoom(GuestOptions options)
    {
        lock (_entries)
        {
            while (_entries.Count >= Limit || (_entries.Count > 0 && _entries.Sum(e => (long)e.Guest.Options.MemoryMiB) + options.MemoryMiB > _memoryMiB))
            {
                if (_entries.Find(e => e.Borrowers == 0) is not { } idle)
                    return false;
                idle.Guest.Dispose();
                _entries.Remove(idle);
            }
            return true;
        }
    }

    private static async Task<GuestLoan> BootAsync(GuestOptions options, CancellationToken cancel)
    {
        var guest = await TestGuest.StartAsync(options, cancel).ConfigureAwait(false);
        lock (_entries)
        {
            return Lend(new Entry(guest));
        }
    }

    private static GuestLoan Lend(Entry entry)
    {
        // The last lent stands last: room is made at the other end.
        _entries.Remove(entry);
        _entries.Add(entry);
        entry.Borrowers++;
        return new GuestLoan(entry.Guest, () =>
        {
            lock (_entries)
            {
                // One that spins costs a processor all the time.
                if (--entry.Borrowers == 0 && entry.Guest.Options.Spinning && _entries.Remove(entry))
                    entry.Guest.Dispose();
            }
            _returned.Release();
        });
    }

    private sealed class Entry(TestGuest guest)
    {
        public TestGuest Guest { get; } = guest;
        public int Borrowers { get; set; }
    }
}
