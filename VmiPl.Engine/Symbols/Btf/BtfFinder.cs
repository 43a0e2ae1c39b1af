using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Symbols.Btf;

/// <summary>Finds the kernel's own BTF in its image: between <c>__start_BTF</c> and <c>__stop_BTF</c>, else by content. BPF
/// programs carry small blobs of their own, so <c>struct task_struct</c> is demanded. Stateless.</summary>
internal static class BtfFinder
{
    private const int MaxHits = 256;
    private const int MinTypes = 4096;   // bytes; less is no kernel's

    /// <summary>Finds the types, or gives null. <paramref name="start"/> is the blob's address.</summary>
    public static BtfTypes? Find(KernelImage image, ISymbolTable symbols, VmiLimits limits, out ulong start)
    {
        if (symbols.TryFind("__start_BTF", out GuestVirtualAddress first) && symbols.TryFind("__stop_BTF", out GuestVirtualAddress stop))
        {
            start = first.Value;
            ulong length = stop.Value - first.Value;
            if (image.Contains(start) && length > MinTypes && length <= (ulong)limits.MaxBtfBytes && TryRead(image, start, (int)length, limits) is { } known)
                return known;
        }
        return FindByContent(image, limits, out start);
    }

    /// <summary>Reads a blob of known place; null where it does not hold the kernel's types.</summary>
    public static BtfTypes? TryRead(KernelImage image, ulong start, int length, VmiLimits limits)
    {
        Span<byte> header = stackalloc byte[BtfHeader.Size];
        if (!image.TryRead(start, header) || !BtfHeader.TryRead(header, length, out _))
            return null;
        byte[] blob = GC.AllocateUninitializedArray<byte>(length);
        if (!image.TryRead(start, blob))
            return null;
        BtfTypes? types = BtfTypes.TryParse(blob, image.PointerSize, limits);
        return types is not null && types.TryGetSize("task_struct", out _) ? types : null;
    }

    private static BtfTypes? FindByContent(KernelImage image, VmiLimits limits, out ulong start)
    {
        BtfTypes? types = null;
        ulong found = 0;
        int hits = 0;
        // What all hits together may cost to read.
        long budget = 2L * limits.MaxBtfBytes;
        image.Sweep(BtfHeader.Size, (address, bytes) =>
        {
            int from = 0;
            while (types is null && hits < MaxHits)
            {
                int hit = bytes[from..].IndexOf(BtfHeader.Magic);
                if (hit < 0)
                    return false;
                from += hit;
                if (BtfHeader.TryRead(bytes[from..], limits.MaxBtfBytes, out BtfHeader header) && header.TypesLength >= MinTypes
                    && (budget -= header.TotalLength) >= 0)
                {
                    hits++;
                    found = address + (ulong)from;
                    types = TryRead(image, found, header.TotalLength, limits);
                }
                from += BtfHeader.Magic.Length;
            }
            return true;
        });
        start = found;
        return types;
    }
}
