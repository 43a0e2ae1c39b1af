namespace VmiPl.Memory;

/// <summary>Remembered translations of one address space: a direct-mapped table for 4 KiB pages and one for larger pages (in
/// pieces of 2 MiB). Holds what is mapped, never that something is not. Not thread-safe; owned by its address space.</summary>
internal sealed class TranslationCache
{
    private const int SmallEntries = 2048, LargeEntries = 512;
    private const int SmallShift = 12, LargeShift = 21;
    private readonly Entry[] _small = new Entry[SmallEntries];
    private readonly Entry[] _large = new Entry[LargeEntries];

    private struct Entry
    {
        public ulong Tag;            // page number + 1, so that a cleared entry matches nothing
        public ulong Frame;
        public ulong PageSize;
        public bool Writable, User, Executable;
    }

    public bool TryGet(ulong address, out Translation translation)
    {
        ref readonly Entry large = ref _large[(address >> LargeShift) & (LargeEntries - 1)];
        if (large.Tag == (address >> LargeShift) + 1)
        {
            translation = Make(large, address & ((1UL << LargeShift) - 1));
            return true;
        }
        ref readonly Entry small = ref _small[(address >> SmallShift) & (SmallEntries - 1)];
        if (small.Tag == (address >> SmallShift) + 1)
        {
            translation = Make(small, address & ((1UL << SmallShift) - 1));
            return true;
        }
        translation = default;
        return false;
    }

    public void Add(ulong address, in Translation translation)
    {
        int shift = translation.PageSize >= 1UL << LargeShift ? LargeShift : SmallShift;
        Entry[] table = shift == LargeShift ? _large : _small;
        table[(int)(address >> shift) & (table.Length - 1)] = new Entry
        {
            Tag = (address >> shift) + 1,
            Frame = translation.Physical.Value & ~((1UL << shift) - 1),
            PageSize = translation.PageSize,
            Writable = translation.Writable,
            User = translation.User,
            Executable = translation.Executable,
        };
    }

    public void Clear()
    {
        Array.Clear(_small);
        Array.Clear(_large);
    }

    private static Translation Make(in Entry entry, ulong offset) =>
        new(new GuestPhysicalAddress(entry.Frame + offset), entry.PageSize, entry.Writable, entry.User, entry.Executable);
}
