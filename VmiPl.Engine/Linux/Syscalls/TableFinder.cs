using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux.Syscalls;

/// <summary>Finds a kernel's array of handlers: by its symbol, or, where the kernel keeps no data symbols, by its first slots, whose
/// handlers are known.</summary>
internal static class TableFinder
{
    // arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl: numbers that never changed. 32-bit open differs between kernels.
    private static readonly string[] X64Start = ["read", "write", "open", "close"];
    private static readonly string[] I386Start = ["restart_syscall", "exit", "fork", "read", "write"];

    /// <summary>The address of the table's first slot, or false.</summary>
    public static bool TryFind(KernelProfile profile, IGuestMemory memory, SyscallAbi abi, HandlerSymbols handlers, VmiLimits limits, out GuestVirtualAddress table)
    {
        bool isNative = profile.PointerSize == (abi == SyscallAbi.X64 ? 8 : 4);
        if (profile.Symbols.TryFind(isNative ? "sys_call_table" : "ia32_sys_call_table", out table))
            return true;
        string[] start = abi == SyscallAbi.X64 ? X64Start : I386Start;
        if (Array.Exists(start, name => handlers.Named(name) is null))
            return false;
        ulong found = 0;
        int size = profile.PointerSize, bytes = start.Length * size;
        var image = KernelImage.Open(memory, profile.Location, limits);
        image.Sweep(bytes - size, (address, piece) =>
        {
            for (int at = 0; at + bytes <= piece.Length; at += size)
            {
                // Most words are no addresses at all: that is asked first, as it costs least.
                int slot = image.Contains(Pointer(piece[at..], size)) ? 0 : start.Length + 1;
                while (slot < start.Length && handlers.IsNamed(Pointer(piece[(at + slot * size)..], size), start[slot]))
                    slot++;
                if (slot != start.Length)
                    continue;
                found = address + (ulong)at;
                return true;
            }
            return false;
        });
        table = new GuestVirtualAddress(found);
        return found != 0;
    }

    /// <summary>The slots of a table: all up to the last that is a handler's address. A slot may have been redirected by somebody; eight
    /// in a row that lead to no handler are no longer the table.</summary>
    public static IReadOnlyList<ulong> Read(KernelProfile profile, AddressSpace kernel, GuestVirtualAddress table, HandlerSymbols handlers, VmiLimits limits)
    {
        const int MaxForeign = 8;
        int size = profile.PointerSize, length = 0;
        byte[] bytes = new byte[limits.MaxSyscalls * size];
        int whole = kernel.Read(table, bytes) / size;
        var slots = new List<ulong>();
        while (slots.Count < whole && slots.Count - length < MaxForeign)
        {
            ulong slot = Pointer(bytes.AsSpan(slots.Count * size), size);
            slots.Add(slot);
            if (handlers.At(slot) is not null)
                length = slots.Count;
        }
        return slots[..length];
    }

    private static ulong Pointer(ReadOnlySpan<byte> bytes, int size) =>
        size == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
