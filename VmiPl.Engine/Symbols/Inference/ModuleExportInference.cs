using System.Buffers.Binary;
using VmiPl.Memory;
using VmiPl.Symbols.Ksymtab;

namespace VmiPl.Symbols.Inference;

/// <summary>Where <c>struct module</c> keeps what it exports to everybody: <c>syms</c>, <c>crcs</c>, <c>num_syms</c> in a row (include/linux/module.h),
/// all empty in a module that exports nothing. Known by the array that is so long, each of its records a place in the module and a name. The
/// array for GPL modules has its number before it, and is not taken for it.</summary>
internal static class ModuleExportInference
{
    private const uint MaxExports = 1 << 16;
    private const int MaxName = 512;   // KSYM_NAME_LEN of include/linux/kallsyms.h

    /// <summary>Looks at the modules' descriptors <paramref name="bodies"/>, each with the extent of its memory that the descriptor is in. Finds
    /// nothing where none of them exports.</summary>
    public static void Infer(KernelReader reader, byte[][] bodies, (ulong Start, ulong Length)[] memory, LayoutBuilder layout)
    {
        int size = reader.PointerSize;
        foreach (KsymtabRecord record in KsymtabRecord.All(size))
        {
            for (int at = 4 * size; at + 2 * size + sizeof(uint) <= bodies[0].Length; at += size)
            {
                int exporting = 0;
                bool isEvery = true;
                for (int i = 0; i < bodies.Length && isEvery; i++)
                {
                    ulong table = reader.PointerAt(bodies[i], at), sums = reader.PointerAt(bodies[i], at + size);
                    uint count = BinaryPrimitives.ReadUInt32LittleEndian(bodies[i].AsSpan(at + 2 * size));
                    if (table == 0 && sums == 0 && count == 0)
                        continue;
                    isEvery = count is > 0 and <= MaxExports && (sums == 0 || reader.IsKernel(sums)) && AreExports(reader, record, table, (int)count, memory[i]);
                    exporting++;
                }
                if (!isEvery || exporting == 0)
                    continue;
                layout.Offset("module.syms", at);
                layout.Offset("module.num_syms", at + 2 * size);
                layout.Offset(record.IsRelative ? "kernel_symbol.value_offset" : "kernel_symbol.value", 0);
                layout.Offset(record.IsRelative ? "kernel_symbol.name_offset" : "kernel_symbol.name", record.FieldBytes);
                layout.Offset("sizeof kernel_symbol", record.Bytes);
                return;
            }
        }
    }

    private static bool AreExports(KernelReader reader, KsymtabRecord record, ulong table, int count, (ulong Start, ulong Length) memory)
    {
        byte[] records = new byte[count * record.Bytes], name = new byte[MaxName];
        if (table - memory.Start >= memory.Length || reader.Read(table, records) != records.Length)
            return false;
        for (int at = 0; at < records.Length; at += record.Bytes)
        {
            ulong value = record.Decode(records.AsSpan(at), table + (ulong)at);
            ulong text = record.Decode(records.AsSpan(at + record.FieldBytes), table + (ulong)(at + record.FieldBytes));
            if (value - memory.Start >= memory.Length || !reader.IsKernel(text))
                return false;
            int length = reader.Space.ReadString(new GuestVirtualAddress(text), name, out bool terminated);
            if (length == 0 || !terminated || name.AsSpan(0, length).ContainsAnyExceptInRange((byte)'!', (byte)'~'))
                return false;
        }
        return true;
    }
}
