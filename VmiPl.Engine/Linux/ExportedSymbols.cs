using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>What a module exports: its arrays of <c>struct kernel_symbol</c> (include/linux/export-internal.h), whose members are
/// 32-bit offsets from themselves where the architecture has PREL32 relocations, else pointers.</summary>
internal static class ExportedSymbols
{
    /// <summary>The addresses exported by the module whose <c>struct module</c> is at <paramref name="module"/>; empty where they cannot be read.</summary>
    public static HashSet<ulong> Of(KernelProfile profile, AddressSpace kernel, ulong module, VmiLimits limits)
    {
        var addresses = new HashSet<ulong>();
        int relative = TaskLayout.Find(profile, "kernel_symbol", "value_offset");
        int absolute = TaskLayout.Find(profile, "kernel_symbol", "value");
        if ((relative == TaskLayout.Missing && absolute == TaskLayout.Missing) || !profile.TryGetSize("kernel_symbol", out int size) || size is < 8 or > 64)
            return addresses;
        foreach ((string table, string count) in new[] { ("syms", "num_syms"), ("gpl_syms", "num_gpl_syms") })
        {
            int tableAt = TaskLayout.Find(profile, "module", table), countAt = TaskLayout.Find(profile, "module", count);
            if (tableAt == TaskLayout.Missing || countAt == TaskLayout.Missing
                || !kernel.TryReadPointer(new GuestVirtualAddress(module + (ulong)tableAt), out GuestVirtualAddress start)
                || !kernel.TryReadUInt32(new GuestVirtualAddress(module + (ulong)countAt), out uint number)
                || number > (uint)limits.MaxSymbols)
                continue;
            byte[] entries = new byte[number * (uint)size];
            int whole = kernel.Read(start, entries) / size;
            for (int i = 0; i < whole; i++)
            {
                ReadOnlySpan<byte> entry = entries.AsSpan(i * size, size);
                if (relative != TaskLayout.Missing)
                    addresses.Add((start + (ulong)(i * size + relative) + (ulong)BinaryPrimitives.ReadInt32LittleEndian(entry[relative..])).Value);
                else
                    addresses.Add(profile.PointerSize == 8
                        ? BinaryPrimitives.ReadUInt64LittleEndian(entry[absolute..])
                        : BinaryPrimitives.ReadUInt32LittleEndian(entry[absolute..]));
            }
        }
        return addresses;
    }
}
