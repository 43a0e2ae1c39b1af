using System.Buffers.Binary;
using System.Text;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>What a module exports to everybody: its array <c>syms</c> of <c>struct kernel_symbol</c>
/// (include/linux/export-internal.h), whose members are 32-bit offsets from themselves where the architecture has PREL32
/// relocations, else pointers. What it exports to GPL modules only is in another array, which the kernel does not look at
/// for <c>/proc/kallsyms</c> either (is_exported(), kernel/module/kallsyms.c).</summary>
internal static class ExportedSymbols
{
    /// <summary>Names and addresses exported by the module whose <c>struct module</c> is at <paramref name="module"/>; empty where
    /// they cannot be read.</summary>
    public static HashSet<(string Name, ulong Address)> Of(KernelProfile profile, AddressSpace kernel, ulong module, VmiLimits limits)
    {
        var exported = new HashSet<(string, ulong)>();
        int value = TaskLayout.Find(profile, "kernel_symbol", "value_offset"), name = TaskLayout.Find(profile, "kernel_symbol", "name_offset");
        bool isRelative = value != TaskLayout.Missing;
        if (!isRelative)
            (value, name) = (TaskLayout.Find(profile, "kernel_symbol", "value"), TaskLayout.Find(profile, "kernel_symbol", "name"));
        int tableAt = TaskLayout.Find(profile, "module", "syms"), countAt = TaskLayout.Find(profile, "module", "num_syms");
        if (value == TaskLayout.Missing || name == TaskLayout.Missing || tableAt == TaskLayout.Missing || countAt == TaskLayout.Missing
            || !profile.TryGetSize("kernel_symbol", out int size) || size is < 8 or > 64 || Math.Max(value, name) > size - 4
            || !kernel.TryReadPointer(new GuestVirtualAddress(module + (ulong)tableAt), out GuestVirtualAddress start)
            || !kernel.TryReadUInt32(new GuestVirtualAddress(module + (ulong)countAt), out uint number)
            || number > (uint)limits.MaxSymbols)
            return exported;

        byte[] entry = new byte[size], text = new byte[ModuleSymbols.MaxName];
        for (uint i = 0; i < number; i++)
        {
            GuestVirtualAddress at = start + i * (uint)size;
            if (!kernel.TryRead(at, entry))
                break;
            int length = kernel.ReadString(Target(at, entry, name), text, out bool terminated);
            if (terminated)
                exported.Add((Encoding.UTF8.GetString(text, 0, length), Target(at, entry, value).Value));
        }
        return exported;

        GuestVirtualAddress Target(GuestVirtualAddress at, ReadOnlySpan<byte> bytes, int member) =>
            isRelative ? at + (ulong)member + (ulong)(long)BinaryPrimitives.ReadInt32LittleEndian(bytes[member..])
            : new GuestVirtualAddress(new StructReader(bytes, 0, profile.PointerSize).Pointer(member));
    }
}
