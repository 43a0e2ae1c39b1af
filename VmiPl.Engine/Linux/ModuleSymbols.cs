using System.Buffers.Binary;
using System.Text;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>Symbols of loaded modules: each module keeps an ELF symbol table of its own (<c>struct mod_kallsyms</c>,
/// kernel/module/kallsyms.c), with type letters beside it.</summary>
internal static class ModuleSymbols
{
    // KSYM_NAME_LEN of include/linux/kallsyms.h is 512.
    internal const int MaxName = 512;

    /// <summary>The kernel's symbols with those of its modules behind them. Where this kernel's modules cannot be read it is the
    /// kernel's alone: what is there is still true.</summary>
    public static ISymbolTable Join(KernelProfile profile, AddressSpace kernel, string machine, VmiLimits limits)
    {
        var symbols = new List<VmiSymbol>();
        try
        {
            foreach (ModuleList.Found found in ModuleList.Read(profile, kernel, machine, limits))
                Read(profile, kernel, found, symbols, limits);
        }
        catch (VmiException e) when (e.Code is VmiErrorCode.ProfileIncomplete or VmiErrorCode.GuestDataInvalid or VmiErrorCode.LimitExceeded)
        {
        }
        return symbols.Count == 0 ? profile.Symbols : new JoinedSymbolTable(profile.Symbols, symbols);
    }

    /// <summary>Adds the symbols of one module to <paramref name="symbols"/>; false where this kernel does not tell where they are, or has not
    /// set them up yet. Throws <c>LimitExceeded</c>.</summary>
    public static bool Read(KernelProfile profile, AddressSpace kernel, ModuleList.Found found, List<VmiSymbol> symbols, VmiLimits limits)
    {
        int member = TaskLayout.Find(profile, "module", "kallsyms"), table = TaskLayout.Find(profile, "mod_kallsyms", "symtab");
        int count = TaskLayout.Find(profile, "mod_kallsyms", "num_symtab"), names = TaskLayout.Find(profile, "mod_kallsyms", "strtab");
        int types = TaskLayout.Find(profile, "mod_kallsyms", "typetab");
        if (member == TaskLayout.Missing || table == TaskLayout.Missing || count == TaskLayout.Missing || names == TaskLayout.Missing
            || !kernel.TryReadPointer(new GuestVirtualAddress(found.Address + (ulong)member), out GuestVirtualAddress at)
            || !kernel.TryReadPointer(at + (ulong)table, out GuestVirtualAddress symbolTable)
            || !kernel.TryReadPointer(at + (ulong)names, out GuestVirtualAddress nameTable)
            || !kernel.TryReadUInt32(at + (ulong)count, out uint number))
            return false;
        if (number > (uint)(limits.MaxSymbols - symbols.Count))
            throw new VmiException(VmiErrorCode.LimitExceeded, $"The modules' symbols were cut after {symbols.Count}.", found.Module.Machine);

        HashSet<(string, ulong)> exported = ExportedSymbols.Of(profile, kernel, found.Address, limits);
        byte[] letters = ReadLetters(kernel, at, types, (int)number);
        // Elf64_Sym and Elf32_Sym (System V gABI, symbol table).
        int size = profile.PointerSize == 8 ? 24 : 16, valueAt = profile.PointerSize == 8 ? 8 : 4;
        byte[] entries = new byte[number * (uint)size];
        int whole = kernel.Read(symbolTable, entries) / size;
        byte[] name = new byte[MaxName];
        for (int i = 1; i < whole; i++)   // the first entry of every ELF symbol table is empty
        {
            ReadOnlySpan<byte> entry = entries.AsSpan(i * size, size);
            ulong value = profile.PointerSize == 8
                ? BinaryPrimitives.ReadUInt64LittleEndian(entry[valueAt..])
                : BinaryPrimitives.ReadUInt32LittleEndian(entry[valueAt..]);
            int length = kernel.ReadString(nameTable + BinaryPrimitives.ReadUInt32LittleEndian(entry), name, out bool terminated);
            if (length == 0 || !terminated)
                continue;
            string text = Encoding.UTF8.GetString(name, 0, length);
            char letter = i < letters.Length ? (char)letters[i] : '?';
            // As the kernel's own file does: capital letters mark what the module exports, whatever the linker thought.
            letter = exported.Contains((text, value)) ? char.ToUpperInvariant(letter) : char.ToLowerInvariant(letter);
            symbols.Add(new VmiSymbol(text, value, letter, found.Module.Name));
        }
        return true;
    }

    private static byte[] ReadLetters(AddressSpace kernel, GuestVirtualAddress at, int types, int number)
    {
        // Before 5.2 the letter stood in st_info's place in the table itself; such kernels have no BTF, their modules' symbols are not found, and they do not come here.
        if (types == TaskLayout.Missing || !kernel.TryReadPointer(at + (ulong)types, out GuestVirtualAddress typeTable))
            return [];
        byte[] letters = new byte[number];
        return letters[..kernel.Read(typeTable, letters)];
    }
}
