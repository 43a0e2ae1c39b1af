namespace VmiPl.Symbols.Inference;

/// <summary>Finds the task list from the name of the idle task: of all closed doubly linked lists that pass near the name, it is
/// the longest one on which there is a name at the same distance from every node.</summary>
internal static class TaskRingFinder
{
    private const int Before = 12 * 1024, After = 2 * 1024;
    private const int MinTasks = 3, MaxNodes = 256 * 1024;

    /// <summary>The list, or null. <paramref name="comms"/> are addresses at which <c>swapper</c> or <c>swapper/0</c> stands.</summary>
    public static TaskRing? Find(KernelReader reader, IEnumerable<ulong> comms, int maxTasks)
    {
        TaskRing? best = null;
        foreach (ulong comm in comms)
        {
            if (FindAround(reader, comm, Math.Min(maxTasks, MaxNodes)) is { } ring && ring.Links.Count > (best?.Links.Count ?? MinTasks - 1))
                best = ring;
        }
        return best;
    }

    private static TaskRing? FindAround(KernelReader reader, ulong comm, int maxTasks)
    {
        byte[] window = new byte[Before + After];
        ulong start = comm - Before;
        int size = reader.PointerSize;
        // Either end may not be mapped where the task lies at the edge of something.
        int first = (Before - reader.ReadBackward(start, window.AsSpan(0, Before)) + size - 1) & ~(size - 1);
        int got = Before + reader.Read(comm, window.AsSpan(Before));
        TaskRing? best = null;
        for (int at = first; at + 2 * size <= got; at += size)
        {
            ulong link = start + (ulong)at;
            ulong next = reader.PointerAt(window, at), previous = reader.PointerAt(window, at + size);
            if (next == link || !reader.IsPointer(next) || !reader.IsPointer(previous)
                || !reader.Holds(next + (ulong)size, link) || !reader.Holds(previous, link))
                continue;
            if (Walk(reader, comm, link, maxTasks) is { } ring && ring.Links.Count > (best?.Links.Count ?? 0))
                best = ring;
        }
        return best;
    }

    /// <summary>Follows one list; null where it is not closed, a back pointer is wrong, or names are missing.</summary>
    private static TaskRing? Walk(KernelReader reader, ulong comm, ulong first, int maxTasks)
    {
        ulong fromLink = comm - first;
        var links = new List<ulong>();
        int nameless = 0;
        ulong link = first;
        do
        {
            if (links.Count >= maxTasks || !reader.TryPointer(link, out ulong next)
                || !reader.Holds(next + (ulong)reader.PointerSize, link))
                return null;
            // A program may give itself any name; most have an ordinary one.
            if (!TaskName.IsPlausible(reader, link + fromLink) && ++nameless > 2 + links.Count / 8)
                return null;
            links.Add(link);
            link = next;
        }
        while (link != first);
        return new TaskRing(comm, links);
    }
}
