namespace VmiPl.Symbols.Inference;

/// <summary><c>start_time</c> and <c>start_boottime</c>: neighbours, nanoseconds since boot without and with suspended time,
/// rising along the list because tasks are appended as they are made.</summary>
internal static class TimeInference
{
    private const ulong Century = 100UL * 365 * 86_400 * 1_000_000_000;

    public static void Infer(KernelReader reader, TaskSamples tasks, LayoutBuilder layout)
    {
        // Between group_leader and the name; a 64-bit value is aligned to a pointer's size in both worlds.
        if (layout.Find("task_struct.group_leader") is not { } leader || tasks.Count < 4)
            return;
        int? found = null;
        for (int at = leader; at + 16 <= tasks.CommOffset; at += reader.PointerSize)
        {
            if (!IsPairOfTimes(tasks, at))
                continue;
            if (found is not null)
                return;
            found = at;
        }
        if (found is not { } time)
            return;
        layout.Offset("task_struct.start_time", time);
        layout.Offset("task_struct.start_boottime", time + sizeof(ulong));
    }

    private static bool IsPairOfTimes(TaskSamples tasks, int at)
    {
        ulong last = 0, lastBoot = 0;
        var values = new HashSet<ulong>();
        bool rising = tasks.Nearly(i =>
        {
            ulong time = tasks.UInt64(i, at), boot = tasks.UInt64(i, at + 8);
            if (time is 0 or > Century || boot < time || boot > Century || time < last || boot < lastBoot)
                return false;
            last = time;
            lastBoot = boot;
            values.Add(time);
            return true;
        });
        return rising && values.Count * 4 >= tasks.Count;
    }
}
