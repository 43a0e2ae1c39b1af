using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Symbols.Inference;

/// <summary>Where <c>struct module</c> keeps its symbols: a pointer to <c>struct mod_kallsyms {symtab, num_symtab, strtab, typetab}</c>
/// (kernel/module/kallsyms.c), which is in the module itself, or, until its init function has run, a longer one in its init memory. It is known
/// by its ELF symbol table: an empty first entry, names in a string table that begins with the empty name, a letter for each symbol, and
/// functions that lie in the module's code. Kernels before 5.2 have no table of letters and are not known.</summary>
internal static class ModuleSymbolInference
{
    // More than any module has; and enough of one to be sure.
    private const uint MaxSymbols = 1 << 20, Sample = 256;
    private const int MaxName = 512;   // KSYM_NAME_LEN of include/linux/kallsyms.h

    /// <summary>Looks at the modules' descriptors <paramref name="bodies"/>, each with the extent of its code.</summary>
    public static void Infer(KernelReader reader, byte[][] bodies, (ulong Start, ulong Length)[] code, LayoutBuilder layout)
    {
        int size = reader.PointerSize, found = -1;
        for (int at = 4 * size; at + size <= bodies[0].Length; at += size)
        {
            int functions = 0;
            bool isEvery = true;
            for (int i = 0; i < bodies.Length && isEvery; i++)
            {
                int count = CountFunctions(reader, reader.PointerAt(bodies[i], at), code[i].Start, code[i].Length);
                isEvery = count >= 0;
                functions += count;
            }
            if (!isEvery || functions == 0)
                continue;
            if (found >= 0)
                return;
            found = at;
        }
        if (found < 0)
            return;
        layout.Offset("module.kallsyms", found);
        layout.Offset("mod_kallsyms.symtab", 0);
        layout.Offset("mod_kallsyms.num_symtab", size);
        layout.Offset("mod_kallsyms.strtab", 2 * size);
        layout.Offset("mod_kallsyms.typetab", 3 * size);
    }

    /// <summary>How many of a table's first symbols are functions in the code; −1 where it is no symbol table, or most of its functions lie
    /// elsewhere.</summary>
    private static int CountFunctions(KernelReader reader, ulong table, ulong code, ulong length)
    {
        int size = reader.PointerSize;
        Span<byte> head = stackalloc byte[4 * sizeof(ulong)];
        head = head[..(4 * size)];
        if (!reader.IsPointer(table) || reader.Read(table, head) != head.Length)
            return -1;
        ulong symbols = reader.PointerAt(head, 0), names = reader.PointerAt(head, 2 * size), letters = reader.PointerAt(head, 3 * size);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(head[size..]);
        if (count is 0 or > MaxSymbols || !reader.IsPointer(symbols) || !reader.IsKernel(names) || !reader.IsKernel(letters))
            return -1;
        // Elf64_Sym and Elf32_Sym (System V gABI, symbol table).
        int entryBytes = size == 8 ? 24 : 16, valueAt = size == 8 ? 8 : 4, taken = (int)Math.Min(count, Sample);
        byte[] entries = new byte[taken * entryBytes], types = new byte[taken], name = new byte[MaxName];
        if (reader.Read(symbols, entries) != entries.Length || entries.AsSpan(0, entryBytes).ContainsAnyExcept((byte)0)
            || reader.Read(letters, types) != taken || reader.Read(names, name.AsSpan(0, 1)) != 1 || name[0] != 0)
            return -1;
        int inside = 0, outside = 0;
        for (int i = 0; i < taken; i++)
        {
            ReadOnlySpan<byte> entry = entries.AsSpan(i * entryBytes, entryBytes);
            if ((!char.IsAsciiLetter((char)types[i]) && types[i] != '?') || !IsName(reader, names + BinaryPrimitives.ReadUInt32LittleEndian(entry), name))
                return -1;
            if (types[i] is not ((byte)'t' or (byte)'T'))
                continue;
            if (reader.PointerAt(entry, valueAt) - code < length)
                inside++;
            else
                outside++;
        }
        return outside > inside ? -1 : inside;
    }

    // A section's symbol has the empty name.
    private static bool IsName(KernelReader reader, ulong address, byte[] buffer)
    {
        if (!reader.IsKernel(address))
            return false;
        int length = reader.Space.ReadString(new GuestVirtualAddress(address), buffer, out bool terminated);
        return terminated && !buffer.AsSpan(0, length).ContainsAnyExceptInRange((byte)'!', (byte)'~');
    }
}
