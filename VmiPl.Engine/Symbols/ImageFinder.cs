using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>Finds in a page table the run of virtual addresses that can hold the kernel image.</summary>
internal static class ImageFinder
{
    // Documentation/arch/x86/x86_64/mm.rst: the text mapping, and the first address modules can have whatever the configuration.
    private const ulong TextMapping64 = 0xFFFF_FFFF_8000_0000, TextMappingEnd64 = 0xFFFF_FFFF_C000_0000;
    // Holes inside an image (freed init sections, alignment) are smaller than this; the one before the modules is larger.
    private const ulong MaxHole = 64UL << 20;
    private const ulong LowestSplit = 0x4000_0000, SplitStep = 0x0800_0000;   // CONFIG_VMSPLIT_*: 0x40000000 to 0xC0000000
    private const ulong MinImage = 1UL << 20, MaxImage32 = 128UL << 20;

    /// <summary>The places at which an image could lie, best first.</summary>
    public static IEnumerable<KernelLocation> Find(IGuestMemory memory, RootCandidate candidate, VmiLimits limits) =>
        candidate.Mode is PagingMode.FourLevel or PagingMode.FiveLevel
            ? Find64(memory, candidate, limits)
            : Find32(memory, candidate, limits);

    private static IEnumerable<KernelLocation> Find64(IGuestMemory memory, RootCandidate candidate, VmiLimits limits)
    {
        ulong start = 0, end = 0;
        foreach (VirtualRange range in RangesOf(memory, candidate, TextMapping64, TextMappingEnd64 - 1, limits))
        {
            if (start == 0)
                start = range.Start.Value;
            else if (range.Start.Value - end > MaxHole)
                break;
            end = range.End.Value;
        }
        if (end - start >= MinImage)
            yield return Location(candidate, start, end, limits);
    }

    /// <summary>A 32-bit kernel lies in its map of low memory (physical address + PAGE_OFFSET), somewhere. Its text is the
    /// first run there that cannot be written; before the kernel protects itself, all of low memory's start must do.</summary>
    private static IEnumerable<KernelLocation> Find32(IGuestMemory memory, RootCandidate candidate, VmiLimits limits)
    {
        ulong low = 0, lowEnd = 0, text = 0;
        foreach (VirtualRange range in RangesOf(memory, candidate, LowestSplit, uint.MaxValue, limits))
        {
            ulong shift = range.Start.Value - range.Physical.Value;
            if (range.User || range.Start.Value < range.Physical.Value || shift % SplitStep != 0 || shift < LowestSplit)
                continue;
            if (low == 0)
                low = shift;
            else if (shift != low)
                continue;
            lowEnd = range.End.Value;
            if (text == 0 && !range.Writable && range.Length >= MinImage)
                text = range.Start.Value;
        }
        if (text != 0)
            yield return Location(candidate, text, Math.Min(lowEnd, text + MaxImage32), limits);
        if (lowEnd > low + MinImage)
            yield return Location(candidate, low + MinImage, Math.Min(lowEnd, low + 2 * MaxImage32), limits);
    }

    private static IEnumerable<VirtualRange> RangesOf(IGuestMemory memory, RootCandidate candidate, ulong first, ulong last, VmiLimits limits) =>
        PageTableWalker.Ranges(memory, candidate.Mode, candidate.Root, new GuestVirtualAddress(first), new GuestVirtualAddress(last), limits);

    private static KernelLocation Location(RootCandidate candidate, ulong start, ulong end, VmiLimits limits) =>
        new(candidate.Mode, candidate.Root, new GuestVirtualAddress(start), Math.Min(end - start, (ulong)limits.MaxKernelImageBytes));
}
