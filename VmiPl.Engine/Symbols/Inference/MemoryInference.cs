using VmiPl.Memory;

namespace VmiPl.Symbols.Inference;

/// <summary><c>task_struct.mm</c> and <c>flags</c>, <c>mm_struct.pgd</c>.
/// <para><c>mm</c> and <c>active_mm</c> are neighbours: both the same in a program, the first null in a kernel thread.
/// <c>pgd</c> is the pointer in it to a page table that maps the kernel where the kernel is. <c>flags</c> follows the stack's
/// address and the usage count and has PF_KTHREAD in exactly those tasks that have no memory.</para></summary>
internal static class MemoryInference
{
    private const int MmBytes = 1024;
    private const uint Exiting = 0x4, ForkNoExec = 0x40, KernelThread = 0x0020_0000;

    /// <summary>Finds the members; returns the distinct memory descriptors of the samples, empty where there is none.</summary>
    public static IReadOnlyList<ulong> Infer(KernelReader reader, TaskSamples tasks, LayoutBuilder layout)
    {
        (int Mm, int Pgd, List<ulong> Descriptors)? found = null;
        for (int at = 0; at + 2 * reader.PointerSize <= tasks.CommOffset; at += reader.PointerSize)
        {
            if (FindDescriptors(reader, tasks, at) is not { } descriptors || FindPgd(reader, tasks, descriptors) is not { } pgd)
                continue;
            if (found is not null)
                return [];
            found = (at, pgd, descriptors);
        }
        if (found is not { } good)
            return [];
        layout.Offset("task_struct.mm", good.Mm);
        layout.Offset("mm_struct.pgd", good.Pgd);
        if (FindFlags(reader, tasks, good.Mm) is { } flags)
            layout.Offset("task_struct.flags", flags);
        return good.Descriptors;
    }

    private static List<ulong>? FindDescriptors(KernelReader reader, TaskSamples tasks, int at)
    {
        if (tasks.Pointer(0, at) != 0)
            return null;
        var descriptors = new HashSet<ulong>();
        int without = 0;
        bool all = tasks.Nearly(i =>
        {
            ulong mm = tasks.Pointer(i, at);
            if (mm == 0)
            {
                without++;
                return true;
            }
            if (mm != tasks.Pointer(i, at + reader.PointerSize) || tasks.IsInside(i, mm) || !reader.IsPointer(mm))
                return false;
            descriptors.Add(mm);
            return true;
        });
        return all && descriptors.Count > 0 && without > 0 ? [.. descriptors] : null;
    }

    // The first that fits: the next descriptor may lie right behind, and its pgd fits as well.
    private static int? FindPgd(KernelReader reader, TaskSamples tasks, List<ulong> descriptors)
    {
        byte[] body = new byte[MmBytes];
        int got = reader.Read(descriptors[^1], body);
        for (int at = 0; at + reader.PointerSize <= got; at += reader.PointerSize)
        {
            int offset = at;
            if (!MapsKernel(reader, tasks, reader.PointerAt(body, offset)))
                continue;
            int good = descriptors.Count(mm => reader.TryPointer(mm + (ulong)offset, out ulong table) && MapsKernel(reader, tasks, table));
            if (good >= descriptors.Count - descriptors.Count / 50)
                return offset;
        }
        return null;
    }

    /// <summary>Whether a pointer leads to a top page table through which the kernel's own data is found where it is.</summary>
    private static bool MapsKernel(KernelReader reader, TaskSamples tasks, ulong table)
    {
        ulong alignment = reader.Space.Mode == PagingMode.Pae ? 32UL : 4096;
        if ((table & (alignment - 1)) != 0 || !reader.IsPointer(table)
            || !reader.Space.TryTranslate(new GuestVirtualAddress(table), out Translation top))
            return false;
        return MapsKernel(reader, tasks, top.Physical);
    }

    /// <summary>Whether through a top page table the kernel's image and tasks are found where they are.</summary>
    public static bool MapsKernel(KernelReader reader, TaskSamples tasks, GuestPhysicalAddress root) =>
        MapsAlike(reader, root, tasks.Bases[0]) && MapsAlike(reader, root, tasks.Bases[^1])
        && MapsAlike(reader, root, reader.Location.ImageStart.Value);

    private static bool MapsAlike(KernelReader reader, GuestPhysicalAddress root, ulong address)
    {
        var virtualAddress = new GuestVirtualAddress(address);
        return PageTableWalker.TryTranslate(reader.Space.Memory, reader.Space.Mode, root, virtualAddress, out Translation there)
            && reader.Space.TryTranslate(virtualAddress, out Translation here) && here.Physical == there.Physical;
    }

    private static int? FindFlags(KernelReader reader, TaskSamples tasks, int mm)
    {
        int? found = null;
        for (int at = reader.PointerSize + sizeof(uint); at < tasks.TasksOffset; at += sizeof(uint))
        {
            int offset = at, stack = at - sizeof(uint) - reader.PointerSize;
            if (stack % reader.PointerSize != 0 || (tasks.UInt32(0, offset) & KernelThread) == 0)
                continue;
            bool all = tasks.Nearly(i =>
            {
                uint flags = tasks.UInt32(i, offset);
                ulong stackBase = tasks.Pointer(i, stack);
                bool kernel = (flags & KernelThread) != 0;
                return (tasks.Pointer(i, mm) == 0 ? (kernel && (flags & ForkNoExec) != 0) || (flags & Exiting) != 0 : !kernel)
                    && tasks.UInt32(i, offset - sizeof(uint)) is > 0 and < 0x10000
                    && (stackBase & 0xFFF) == 0 && (stackBase != 0 || (flags & Exiting) != 0);
            });
            if (!all)
                continue;
            if (found is not null)
                return null;
            found = offset;
        }
        return found;
    }
}
