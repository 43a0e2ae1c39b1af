namespace VmiPl.Machines.ProcessMemory;

/// <summary>Where a PC's RAM of a given size lies in the guest's physical address space, when QEMU can't be asked: from 0 up to
/// the hole for PCI devices, the rest from 4 GiB on (hw/i386/pc_piix.c, pc_q35.c, microvm.c; unchanged from QEMU 2.x to 11.x
/// but for guests of 1 TiB and more on AMD CPU models, which only the monitor tells).</summary>
/// <param name="LowBytes">Bytes of RAM that may lie below 4 GiB.</param>
/// <param name="HasVgaHole">Whether 0xa0000 to 0xbffff belongs to the video card.</param>
internal readonly record struct RamLayout(ulong LowBytes, bool HasVgaHole)
{
    private const ulong GiB = 1UL << 30, FourGiB = 4 * GiB, VgaStart = 0xA0000, VgaEnd = 0xC0000;

    /// <summary>The layouts that a machine type can have, the likeliest first: one where the type is known, those of i440fx and
    /// q35 where it is not. <paramref name="below4G"/> is the <c>max-ram-below-4g</c> option.</summary>
    public static IReadOnlyList<RamLayout> Candidates(string? machineType, ulong memory, ulong? below4G)
    {
        RamLayout i440fx = I440fx(memory, below4G), q35 = Q35(memory, below4G);
        string type = machineType ?? "";
        if (type == "microvm")
            return [new RamLayout(3 * GiB, HasVgaHole: false)];
        if (type.Contains("q35", StringComparison.Ordinal))
            return [q35];
        if (type is "pc" or "isapc" || type.Contains("i440fx", StringComparison.Ordinal) || memory <= Math.Min(i440fx.LowBytes, q35.LowBytes))
            return [i440fx];
        return [i440fx, q35];
    }

    /// <summary>The map for RAM that lies in QEMU in the given blocks, one behind the other in the guest.</summary>
    public RamMap Place(IReadOnlyList<(ulong Host, ulong Length)> blocks)
    {
        ulong[] cuts = HasVgaHole ? [VgaStart, VgaEnd, LowBytes] : [LowBytes];
        var segments = new List<RamSegment>();
        ulong done = 0;
        foreach ((ulong host, ulong length) in blocks)
        {
            ulong at = done, end = done + length;
            while (at < end)
            {
                ulong from = at;
                ulong stop = cuts.Where(c => c > from).Append(end).Min();
                stop = Math.Min(stop, end);
                bool isHole = HasVgaHole && at >= VgaStart && at < VgaEnd;
                if (!isHole)
                    segments.Add(new RamSegment(at < LowBytes ? at : at - LowBytes + FourGiB, stop - at, host + (at - done)));
                at = stop;
            }
            done = end;
        }
        return new RamMap(segments);
    }

    private static RamLayout I440fx(ulong memory, ulong? below4G)
    {
        ulong low = below4G ?? 0xE0000000;
        if (memory >= low && low > 3 * GiB)
            low = 3 * GiB;
        return new RamLayout(low, HasVgaHole: true);
    }

    private static RamLayout Q35(ulong memory, ulong? below4G)
    {
        ulong low = memory >= 0xB0000000 ? 0x80000000 : 0xB0000000;
        return new RamLayout(Math.Min(low, below4G ?? FourGiB), HasVgaHole: true);
    }
}
