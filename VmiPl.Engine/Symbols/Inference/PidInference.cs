using System.Buffers.Binary;

namespace VmiPl.Symbols.Inference;

/// <summary><c>task_struct.thread_pid</c> with <c>struct pid</c> and <c>struct upid</c>, and <c>init_pid_ns</c>.
/// <para>Every task has exactly one pointer to an object that holds its own pid followed by one and the same pointer for
/// (nearly) all: <c>numbers[0] = { nr, ns }</c>. <c>count</c> and <c>level</c> are the object's first two ints. The head of
/// the list <c>tasks[PIDTYPE_PID]</c> is the first pointer in it that leads back into the task. Before 4.19 the same pointer was
/// <c>pids[PIDTYPE_PID].pid</c>, behind its list node instead of before it.</para></summary>
internal static class PidInference
{
    private const int PidBytes = 256, MaxLevel = 32;

    public static void Infer(KernelReader reader, TaskSamples tasks, LayoutBuilder layout)
    {
        if (layout.Find("task_struct.pid") is not { } pid || layout.Find("task_struct.group_leader") is not { } leader || tasks.Count < 2)
            return;
        (int Thread, int Numbers, ulong Space)? found = null;
        for (int at = leader + reader.PointerSize; at + reader.PointerSize <= tasks.CommOffset; at += reader.PointerSize)
        {
            if (FindNumbers(reader, tasks, pid, at) is not { } numbers)
                continue;
            // A list node's back pointer leads to the middle of the same object: the start is the furthest from the numbers.
            if (found is { } other && !IsSameObject(tasks, at, numbers.Offset, other.Thread, other.Numbers))
                return;
            if (found is null || found.Value.Numbers < numbers.Offset)
                found = (at, numbers.Offset, numbers.Space);
        }
        if (found is not { } good)
            return;
        layout.Offset("task_struct.thread_pid", good.Thread);
        layout.Offset("pid.numbers", good.Numbers);
        layout.Offset("upid.nr", 0);
        layout.Offset("upid.ns", reader.PointerSize);
        if (reader.IsInImage(good.Space))
            layout.Symbol("init_pid_ns", good.Space);
        InferTaskLists(reader, tasks, good.Thread, good.Numbers, layout);
        InferLevel(reader, tasks, good.Thread, good.Numbers, good.Space, layout);
    }

    private static bool IsSameObject(TaskSamples tasks, int one, int numbersOfOne, int other, int numbersOfOther) =>
        tasks.Nearly(i => tasks.Pointer(i, one) + (ulong)numbersOfOne == tasks.Pointer(i, other) + (ulong)numbersOfOther);

    private static (int Offset, ulong Space)? FindNumbers(KernelReader reader, TaskSamples tasks, int pid, int at)
    {
        byte[] body = new byte[PidBytes];
        int youngest = tasks.Count - 1, size = reader.PointerSize;
        int got = reader.IsPointer(tasks.Pointer(youngest, at)) ? reader.Read(tasks.Pointer(youngest, at), body) : 0;
        for (int offset = 8; offset + 2 * size <= got; offset += size)
        {
            if (UInt32(body, offset) != tasks.UInt32(youngest, pid))
                continue;
            ulong space = reader.PointerAt(body, offset + size);
            if (!reader.IsPointer(space))
                continue;
            if (tasks.Nearly(i => reader.TryUInt32(tasks.Pointer(i, at) + (ulong)offset, out uint number) && number == tasks.UInt32(i, pid)
                && reader.Holds(tasks.Pointer(i, at) + (ulong)(offset + size), space)))
                return (offset, space);
        }
        return null;
    }

    private static void InferTaskLists(KernelReader reader, TaskSamples tasks, int thread, int numbers, LayoutBuilder layout)
    {
        int size = reader.PointerSize;
        for (int at = 8; at < numbers; at += size)
        {
            int offset = at;
            if (!reader.TryPointer(tasks.Pointer(1, thread) + (ulong)offset, out ulong first) || !tasks.IsInside(1, first))
                continue;
            ulong node = first - tasks.Bases[1];
            // hlist_node { next, pprev }: the only task on the list, so its back pointer leads to the head.
            if (!tasks.Nearly(i => reader.Holds(tasks.Pointer(i, thread) + (ulong)offset, tasks.Bases[i] + node)
                && tasks.Pointer(i, (int)node + size) == tasks.Pointer(i, thread) + (ulong)offset))
                return;
            layout.Offset("pid.tasks", offset);
            layout.Offset("task_struct.pid_links", (int)node);
            return;
        }
    }

    private static void InferLevel(KernelReader reader, TaskSamples tasks, int thread, int numbers, ulong space, LayoutBuilder layout)
    {
        const int Level = sizeof(uint);
        var nested = new List<(ulong Pid, uint Level)>();
        bool plausible = tasks.Nearly(i =>
        {
            ulong pid = tasks.Pointer(i, thread);
            if (!reader.TryUInt32(pid, out uint count) || count is 0 or > int.MaxValue
                || !reader.TryUInt32(pid + Level, out uint level) || level > MaxLevel)
                return false;
            if (level > 0)
                nested.Add((pid, level));
            return true;
        });
        if (!plausible)
            return;
        layout.Offset("pid.level", Level);
        // Two words (nr, ns); up to 4.14 a hash node of two more.
        int[] fitting = [.. ((int[])[2, 4]).Select(words => words * reader.PointerSize).Where(stride => nested.Count > 0 && nested.TrueForAll(pid =>
        {
            ulong inner = pid.Pid + (ulong)numbers + pid.Level * (ulong)stride;
            return reader.TryUInt32(inner, out uint nr) && nr is > 0 and <= FamilyInference.PidLimit
                && reader.TryPointer(inner + (ulong)reader.PointerSize, out ulong ns) && ns != space && reader.IsPointer(ns);
        }))];
        if (fitting.Length == 1)
            layout.Offset("sizeof upid", fitting[0]);
    }

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
