using System.Runtime.InteropServices;
using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Symbols.Inference;

/// <summary>What one pass over the kernel image turns up: places that other inferences look at more closely.</summary>
internal sealed class ImageFindings
{
    private const int MaxPlaces = 256;

    /// <summary>Where an idle task's name stands.</summary>
    public List<ulong> IdleNames { get; } = [];

    /// <summary>Where <c>"init_task"</c> stands between two NULs: among the names of exported symbols.</summary>
    public List<ulong> ExportNames { get; } = [];

    /// <summary>Where <c>"Linux version "</c> and a digit stand, write-protected places first.</summary>
    public List<ulong> Banners { get; } = [];

    /// <summary>Where a clock's <c>offs_real</c> stands.</summary>
    public List<ulong> Times { get; } = [];

    /// <summary>The list of modules, or null.</summary>
    public ModuleRing? Modules { get; private set; }

    /// <summary>Goes over the image.</summary>
    public static ImageFindings Collect(KernelReader reader, AddressSpace image, VmiLimits limits)
    {
        var found = new ImageFindings();
        ImageScan.Run(image, reader.Location, limits, (address, bytes, writable) => found.Look(reader, address, bytes, writable, limits));
        return found;
    }

    /// <summary>Only <see cref="ExportNames"/> of it.</summary>
    public static IReadOnlyList<ulong> FindExportNames(AddressSpace image, KernelLocation location, VmiLimits limits)
    {
        var found = new ImageFindings();
        ImageScan.Run(image, location, limits, (address, bytes, _) => AddAll(found.ExportNames, address, bytes, ExportName, 1));
        return found.ExportNames;
    }

    private static ReadOnlySpan<byte> ExportName => "\0init_task\0"u8;

    private void Look(KernelReader reader, ulong address, ReadOnlySpan<byte> bytes, bool writable, VmiLimits limits)
    {
        AddAll(ExportNames, address, bytes, ExportName, 1);
        for (int at = 0; (at = Next(bytes, "Linux version "u8, at)) >= 0; at++)
        {
            if (at + 14 < bytes.Length && char.IsAsciiDigit((char)bytes[at + 14]) && Banners.Count < MaxPlaces)
                Banners.Insert(writable ? Banners.Count : 0, address + (ulong)at);
        }
        if (!writable)
            return;
        for (int at = 0; (at = Next(bytes, "swapper"u8, at)) >= 0; at++)
        {
            if (at % 4 == 0 && TaskName.IsIdleTask(bytes[at..]))
                Add(IdleNames, address + (ulong)at);
        }
        LookAtWords(reader, address, bytes, limits);
    }

    private void LookAtWords(KernelReader reader, ulong address, ReadOnlySpan<byte> bytes, VmiLimits limits)
    {
        int size = reader.PointerSize;
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        int step = size / sizeof(uint);
        for (int i = 0; i + 2 * step <= words.Length; i += step)
        {
            // The upper half alone sorts nearly everything out.
            if (words[i + 1] - ClockInference.EarliestHigh <= ClockInference.LatestHigh - ClockInference.EarliestHigh
                && ClockInference.IsOffset(bytes, i * sizeof(uint), size))
                Add(Times, address + (ulong)i * sizeof(uint));
            // A list head: two addresses, neither in the image, and the first points back here.
            if (words[i + step - 1] < (size == 8 ? 0xFF00_0000 : 0x4000_0000) || words[i + 2 * step - 1] < 0x4000_0000 || Modules is not null)
                continue;
            int at = i * sizeof(uint);
            ulong next = reader.PointerAt(bytes, at), previous = reader.PointerAt(bytes, at + size), here = address + (ulong)at;
            if (((next | previous) & (ulong)(size - 1)) == 0 && !reader.IsInImage(next) && !reader.IsInImage(previous)
                && reader.Holds(next + (ulong)size, here))
                Modules = ModuleRing.TryWalk(reader, here, limits.MaxModules);
        }
    }

    private static void AddAll(List<ulong> places, ulong address, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> text, int skip)
    {
        for (int at = 0; (at = Next(bytes, text, at)) >= 0; at++)
            Add(places, address + (ulong)(at + skip));
    }

    private static int Next(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> text, int from)
    {
        int at = bytes[from..].IndexOf(text);
        return at < 0 ? -1 : at + from;
    }

    // The seam between two pieces is shown twice.
    private static void Add(List<ulong> places, ulong address)
    {
        if (places.Count < MaxPlaces && (places.Count == 0 || places[^1] < address))
            places.Add(address);
    }
}
