namespace VmiPl.Symbols.Inference;

/// <summary>Where a task begins, and who it is: <c>pid</c>, <c>tgid</c>, <c>real_parent</c>, <c>group_leader</c>.
/// <para>Linux has kept these together since 2.6: <c>pid_t pid, tgid; [stack_canary;] task_struct *real_parent, *parent;
/// list_head children, sibling; task_struct *group_leader</c>.</para></summary>
internal static class FamilyInference
{
    private const int Before = 12 * 1024;

    /// <summary>Finds the task's start by the one pointer that is the same distance before the name in every leader:
    /// <c>group_leader</c>, the leader itself. Returns the name's offset, or null.</summary>
    public static int? FindCommOffset(KernelReader reader, TaskRing ring)
    {
        int size = reader.PointerSize, got = int.MaxValue;
        int count = Math.Min(ring.Links.Count, 24);
        byte[][] windows = new byte[count][];
        for (int i = 0; i < count; i++)
        {
            // Half of them from the list's end: the oldest tasks are much alike.
            int task = i < count / 2 ? i : ring.Links.Count - count + i;
            windows[i] = new byte[Before];
            // A task may lie just behind unmapped memory: read forward from where its page run begins.
            ulong start = ring.Comm(task) - Before;
            int usable = reader.ReadBackward(start, windows[i]);
            got = Math.Min(got, usable);
        }
        int? found = null;
        for (int back = size; back + 7 * size <= got; back += size)
        {
            int leader = Before - back;
            ulong distance = DistanceBack(reader, windows[0], leader, ring.Comm(0));
            if (distance < (ulong)back || distance > (ulong)got)
                continue;
            bool all = true;
            for (int i = 0; i < count && all; i++)
            {
                int task = i < count / 2 ? i : ring.Links.Count - count + i;
                all = DistanceBack(reader, windows[i], leader, ring.Comm(task)) == distance
                    && IsFamily(reader, windows[i], leader - 6 * size, ring.Comm(task), distance);
            }
            if (!all)
                continue;
            if (found is { } other && (ulong)other != distance)
                return null;
            found = (int)distance;
        }
        return found;
    }

    /// <summary>Finds the members, given the samples.</summary>
    public static void Infer(KernelReader reader, TaskSamples tasks, LayoutBuilder layout)
    {
        int size = reader.PointerSize;
        var bases = new HashSet<ulong>(tasks.Bases);
        int? parent = null;
        for (int at = 2 * sizeof(int); at + 7 * size <= tasks.CommOffset; at += size)
        {
            int offset = at;
            if (tasks.Pointer(0, offset) != tasks.Bases[0] || tasks.Pointer(0, offset + 6 * size) != tasks.Bases[0])
                continue;
            if (!tasks.Nearly(i => tasks.Pointer(i, offset + 6 * size) == tasks.Bases[i]))
                continue;
            // A parent may be a thread that is no leader; most are leaders.
            if (tasks.CountOthers(i => bases.Contains(tasks.Pointer(i, offset))) * 10 < (tasks.Count - 1) * 8)
                continue;
            if (parent is not null)
                return;
            parent = offset;
        }
        if (parent is not { } real)
            return;
        layout.Offset("task_struct.real_parent", real);
        layout.Offset("task_struct.group_leader", real + 6 * size);
        if (FindPid(tasks, real, size) is { } pid)
        {
            layout.Offset("task_struct.pid", pid);
            layout.Offset("task_struct.tgid", pid + sizeof(int));
        }
    }

    // Right before real_parent, or with the stack canary (one pointer wide, aligned) in between.
    private static int? FindPid(TaskSamples tasks, int realParent, int size)
    {
        int? found = null;
        foreach (int pid in (int[])[realParent - 8, realParent - 8 - size])
        {
            if (pid < 0 || tasks.UInt32(0, pid) != 0 || tasks.UInt32(0, pid + 4) != 0)
                continue;
            var seen = new HashSet<uint>();
            if (!tasks.Nearly(i => tasks.UInt32(i, pid) is > 0 and <= PidLimit
                && tasks.UInt32(i, pid) == tasks.UInt32(i, pid + 4) && seen.Add(tasks.UInt32(i, pid))))
                continue;
            if (found is not null)
                return null;
            found = pid;
        }
        return found;
    }

    /// <summary>Linux's highest pid (PID_MAX_LIMIT).</summary>
    public const uint PidLimit = 4 * 1024 * 1024;

    private static ulong DistanceBack(KernelReader reader, byte[] window, int at, ulong comm) => comm - reader.PointerAt(window, at);

    /// <summary>Whether at that place stand two tasks (the parents) and two list heads: children and siblings.</summary>
    private static bool IsFamily(KernelReader reader, byte[] window, int at, ulong comm, ulong distance)
    {
        if (at < 0)
            return false;
        int size = reader.PointerSize;
        ulong address = comm - Before + (ulong)at;
        return TaskName.IsPlausible(reader, reader.PointerAt(window, at) + distance)
            && TaskName.IsPlausible(reader, reader.PointerAt(window, at + size) + distance)
            && IsListNode(reader, window, at + 2 * size, address + (ulong)(2 * size))
            && IsListNode(reader, window, at + 4 * size, address + (ulong)(4 * size));
    }

    private static bool IsListNode(KernelReader reader, byte[] window, int at, ulong address)
    {
        ulong next = reader.PointerAt(window, at), previous = reader.PointerAt(window, at + reader.PointerSize);
        return reader.Holds(next + (ulong)reader.PointerSize, address) && reader.Holds(previous, address);
    }
}
