namespace VmiPl.Symbols.Inference;

/// <summary>The pid table of kernels from 4.15 on: the radix tree (xarray) in <c>init_pid_ns.idr</c>.
/// <para>The head of the tree is the pointer near the namespace's start through which known pids lead to their known
/// <c>struct pid</c>. Its low two bits mark an inner node: 2 in an xarray, 1 in the radix tree before 4.20; a reader masks both.
/// A node begins with its shift in one byte (<c>include/linux/xarray.h</c>, <c>radix-tree.h</c>).</para></summary>
internal static class PidTableInference
{
    private const int NamespaceBytes = 256, MaxDepth = 6, MaxSlotsOffset = 64;

    private readonly record struct Shape(int Slots, int Bits);

    public static void Infer(KernelReader reader, TaskSamples tasks, LayoutBuilder layout)
    {
        if (layout.FindSymbol("init_pid_ns") is not { } space || layout.Find("task_struct.pid") is not { } pid
            || layout.Find("task_struct.thread_pid") is not { } thread)
            return;
        int size = reader.PointerSize;
        byte[] body = new byte[NamespaceBytes];
        int got = reader.Read(space, body);
        for (int head = 0; head + size <= got; head += size)
        {
            ulong tagged = reader.PointerAt(body, head);
            if ((tagged & 3) is not (1 or 2) || !reader.IsPointer(tagged & ~3UL))
                continue;
            if (FindShape(reader, tasks, tagged, pid, thread) is not { } shape)
                continue;
            layout.Offset("pid_namespace.idr.idr_rt.xa_head", head);
            layout.Offset("xa_node.shift", 0);
            layout.Offset("xa_node.slots", shape.Slots);
            // The table came when the hash nodes went out of struct upid.
            if (layout.Find("sizeof upid") is null)
                layout.Offset("sizeof upid", 2 * size);
            return;
        }
    }

    private static Shape? FindShape(KernelReader reader, TaskSamples tasks, ulong head, int pid, int thread)
    {
        Shape? found = null;
        foreach (int bits in (int[])[6, 4])
        {
            for (int slots = 8; slots <= MaxSlotsOffset; slots += reader.PointerSize)
            {
                var shape = new Shape(slots, bits);
                if (!tasks.Nearly(i => Look(reader, head, shape, tasks.UInt32(i, pid)) == tasks.Pointer(i, thread)))
                    continue;
                if (found is not null)
                    return null;
                found = shape;
            }
        }
        return found;
    }

    private static ulong Look(KernelReader reader, ulong head, Shape shape, uint number)
    {
        ulong entry = head;
        Span<byte> shift = stackalloc byte[1];
        for (int depth = 0; depth < MaxDepth && (entry & 3) != 0; depth++)
        {
            ulong node = entry & ~3UL;
            if (reader.Read(node, shift) != 1 || shift[0] > 30 || shift[0] % shape.Bits != 0)
                return 0;
            ulong slot = (number >> shift[0]) & ((1u << shape.Bits) - 1);
            if (depth == 0 && number >> shift[0] >= 1u << shape.Bits)
                return 0;
            if (!reader.TryPointer(node + (ulong)shape.Slots + slot * (ulong)reader.PointerSize, out entry))
                return 0;
            if (shift[0] == 0)
                return entry;
        }
        return 0;
    }
}
