namespace VmiPl.Symbols.Inference;

/// <summary><c>task_struct.signal</c> and <c>thread_node</c>, <c>signal_struct.thread_head</c> and <c>nr_threads</c>.
/// <para>A group's threads hang on a closed list from its <c>signal_struct</c>; the leader is its first node. The three ints
/// at the structure's start are <c>sigcnt</c>, <c>live</c> and <c>nr_threads</c>; the third must be the list's length.</para></summary>
internal static class SignalInference
{
    private const int HeadLimit = 64, MaxThreads = 4096, NrThreads = 2 * sizeof(int);

    public static void Infer(KernelReader reader, TaskSamples tasks, LayoutBuilder layout)
    {
        if (tasks.Count < 2)
            return;
        (int Signal, int Head, int Node)? found = null;
        for (int at = tasks.CommOffset + TaskName.Length; at + reader.PointerSize <= tasks.Size; at += reader.PointerSize)
        {
            if (FindList(reader, tasks, at) is not { } list)
                continue;
            if (found is not null)
                return;
            found = (at, list.Head, list.Node);
        }
        if (found is not { } good)
            return;
        layout.Offset("task_struct.signal", good.Signal);
        layout.Offset("task_struct.thread_node", good.Node);
        layout.Offset("signal_struct.thread_head", good.Head);
        if (tasks.Nearly(i => reader.TryUInt32(tasks.Pointer(i, good.Signal) + NrThreads, out uint threads)
            && threads == CountThreads(reader, tasks.Pointer(i, good.Signal) + (ulong)good.Head)))
            layout.Offset("signal_struct.nr_threads", NrThreads);
    }

    private static (int Head, int Node)? FindList(KernelReader reader, TaskSamples tasks, int at)
    {
        ulong signal = tasks.Pointer(1, at);
        if (!reader.IsPointer(signal) || tasks.IsInside(1, signal))
            return null;
        for (int head = NrThreads + sizeof(int); head <= HeadLimit; head += sizeof(int))
        {
            int offset = head;
            if (offset % reader.PointerSize != 0 || !reader.TryPointer(signal + (ulong)offset, out ulong first) || !tasks.IsInside(1, first))
                continue;
            ulong node = first - tasks.Bases[1];
            if (tasks.Nearly(i => IsFirst(reader, tasks.Pointer(i, at) + (ulong)offset, tasks.Bases[i] + node)))
                return (offset, (int)node);
        }
        return null;
    }

    private static bool IsFirst(KernelReader reader, ulong head, ulong node) =>
        reader.Holds(head, node) && reader.Holds(node + (ulong)reader.PointerSize, head);

    private static uint CountThreads(KernelReader reader, ulong head)
    {
        uint count = 0;
        ulong node = head;
        while (count <= MaxThreads && reader.TryPointer(node, out node) && node != head)
            count++;
        return count;
    }
}
