using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>Finds page tables of 32-bit kernels by their map of low memory: large pages whose frames ascend from physical
/// address 0 at PAGE_OFFSET on. The last resort, for a guest with neither registers nor VMCOREINFO.</summary>
internal static class PhysicalScan32
{
    private const int MinLargePages = 8, MaxTables = 64;
    private const uint PresentLarge = 0x81;

    /// <summary>Yields candidates, legacy tables first. What a candidate says must be checked.</summary>
    public static IEnumerable<RootCandidate> Find(IGuestMemory memory)
    {
        var legacy = new List<ulong>();
        var middles = new HashSet<ulong>();   // PAE's second level
        PhysicalSweep.Pages(memory, (address, page) =>
        {
            if (legacy.Count < MaxTables && IsLegacy(page))
                legacy.Add(address.Value);
            if (middles.Count < MaxTables && LargePages(page, 8, 0, 21) >= MinLargePages)
                middles.Add(address.Value);
        });
        foreach (ulong root in legacy)
            yield return new RootCandidate(PagingMode.Legacy32, new GuestPhysicalAddress(root));
        if (middles.Count == 0)
            yield break;
        var tops = new List<ulong>();
        PhysicalSweep.Pages(memory, (address, page) =>
        {
            for (int entry = 1; entry < 4; entry++)
            {
                ulong value = BinaryPrimitives.ReadUInt64LittleEndian(page[(entry * 8)..]);
                if (tops.Count < MaxTables && (value & 1) != 0 && middles.Contains(value & ~0xFFFUL))
                {
                    tops.Add(address.Value);
                    return;
                }
            }
        });
        foreach (ulong root in tops)
            yield return new RootCandidate(PagingMode.Pae, new GuestPhysicalAddress(root));
    }

    private static bool IsLegacy(ReadOnlySpan<byte> page)
    {
        foreach (uint split in (ReadOnlySpan<uint>)[0xC000_0000, 0xB000_0000, 0x8000_0000, 0x7800_0000, 0x4000_0000])
        {
            if (LargePages(page, 4, (int)(split >> 22), 22) >= MinLargePages)
                return true;
        }
        return false;
    }

    /// <summary>How many of the first 128 large pages from an entry on lie where low memory's map has them; none where one
    /// lies elsewhere.</summary>
    private static int LargePages(ReadOnlySpan<byte> page, int width, int first, int shift)
    {
        int count = 0;
        for (int i = 0; i < 128 && (first + i + 1) * width <= page.Length; i++)
        {
            ReadOnlySpan<byte> bytes = page[((first + i) * width)..];
            ulong entry = width == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            if ((entry & PresentLarge) != PresentLarge)
                continue;
            if ((entry & 0x000F_FFFF_FFE0_0000) >> shift != (ulong)i)
                return 0;
            count++;
        }
        return count;
    }
}
