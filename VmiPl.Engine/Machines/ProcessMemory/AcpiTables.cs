using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Where a PC's firmware has put its ACPI tables: just below the end of low memory. That tells two memory layouts apart
/// when nobody says which machine it is (ACPI 6.5 §5.2.5.3; SeaBIOS and OVMF).</summary>
internal static class AcpiTables
{
    private const ulong SearchStart = 0xE0000, SearchEnd = 0x100000, NearTop = 64UL << 20;

    /// <summary>Whether the root pointer's table lies within the last 64 MiB of the memory that begins at 1 MiB.</summary>
    public static bool AreAtTopOfLowMemory(IGuestMemory memory)
    {
        byte[] area = new byte[SearchEnd - SearchStart];
        if (memory.Read(new GuestPhysicalAddress(SearchStart), area) < area.Length)
            return false;
        PhysicalRange low = memory.Ranges.FirstOrDefault(r => r.Contains(new GuestPhysicalAddress(SearchEnd)));
        Span<byte> signature = stackalloc byte[4];
        for (int at = 0; at + 20 <= area.Length; at += 16)
        {
            if (!area.AsSpan(at, 8).SequenceEqual("RSD PTR "u8))
                continue;
            ulong table = BinaryPrimitives.ReadUInt32LittleEndian(area.AsSpan(at + 16));
            if (low.Contains(new GuestPhysicalAddress(table)) && low.End.Value - table < NearTop
                && memory.Read(new GuestPhysicalAddress(table), signature) == 4 && signature.SequenceEqual("RSDT"u8))
                return true;
        }
        return false;
    }
}
