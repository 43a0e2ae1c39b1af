using System.Buffers.Binary;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>Whether a kernel isolates its page tables from user mode (arch/x86/mm/pti.c): then each process has two top tables side by side,
/// the kernel's (the process's PGD) and 4096 bytes behind it the one that CR3 holds in user mode.</summary>
public static class PageTableIsolation
{
    // X86_FEATURE_PTI of arch/x86/include/asm/cpufeatures.h.
    private const int Feature = 7 * 32 + 11;
    private const int PageSize = 4096;
    private const ulong Present = 1, FrameMask = 0x000F_FFFF_FFFF_F000;

    /// <summary>The bit of CR3 that is set while the user half is in use.</summary>
    public const ulong UserTable = PageSize;

    /// <summary>Whether isolation is on: what the kernel's own flags say, else whether the table behind the kernel's is the user half of it.
    /// False where neither can be read.</summary>
    public static bool IsOn(LinuxGuest guest)
    {
        AddressSpace kernel = guest.OpenKernelSpace();
        return ByFlag(guest.Profile, kernel) ?? ByTables(kernel, guest.Profile.Location.ImageStart);
    }

    private static bool? ByFlag(KernelProfile profile, AddressSpace kernel)
    {
        if (!profile.TryGetSymbol("boot_cpu_data", out GuestVirtualAddress cpu) || !profile.TryGetOffset("cpuinfo_x86", "x86_capability", out int offset))
            return null;
        Span<byte> flags = stackalloc byte[1];
        return kernel.TryRead(cpu + (ulong)(offset + Feature / 8), flags) ? (flags[0] >> (Feature % 8) & 1) != 0 : null;
    }

    /// <summary>A user half has the entries of its kernel half for user memory, which differ in the no-execute bit at most, and for kernel memory
    /// entries of its own for the little that entries from user mode need, where its kernel half has entries, too.</summary>
    private static bool ByTables(AddressSpace kernel, GuestVirtualAddress image)
    {
        // Without PAE there is none; a PAE kernel that has none keeps its top tables in 32 bytes.
        if (kernel.Mode is PagingMode.None or PagingMode.Legacy32 || (kernel.Root.Value & UserTable) != 0 || kernel.Root.Value % PageSize != 0)
            return false;
        int count = kernel.Mode == PagingMode.Pae ? 4 : 512, firstKernel = kernel.Mode == PagingMode.Pae ? (int)(image.Value >> 30) : 256;
        byte[] tables = new byte[2 * PageSize];
        if (kernel.Memory.Read(kernel.Root, tables) != tables.Length)
            return false;
        bool hasKernel = false;
        for (int i = 0; i < count; i++)
        {
            ulong own = Entry(tables, i), user = Entry(tables.AsSpan(PageSize), i);
            bool isKernel = i >= firstKernel;
            if ((user & Present) == 0 ? !isKernel && (own & Present) != 0
                : (own & Present) == 0 || (!isKernel && (own & FrameMask) != (user & FrameMask)))
                return false;
            hasKernel |= isKernel && (user & Present) != 0;
        }
        return hasKernel;
    }

    private static ulong Entry(ReadOnlySpan<byte> table, int index) => BinaryPrimitives.ReadUInt64LittleEndian(table[(index * 8)..]);
}
