namespace VmiPl.Linux;

/// <summary>Decides which tasks are hidden. A guest that runs changes its tables under a walk, so that a task being born or
/// dying can stand in one view only; what is hidden on purpose does so in every walk.</summary>
internal static class HiddenTasks
{
    private const int Walks = 3;

    /// <summary>Returns <paramref name="list"/>, or, where it marks a task, the list of the last of three walks with only those
    /// marks that all three agree on.</summary>
    public static ProcessList Confirm(ProcessList list, Func<ProcessList> walkAgain)
    {
        for (int walk = 1; walk < Walks; walk++)
        {
            Dictionary<(ulong, int), TaskVisibility> marked = Marked(list);
            if (marked.Count == 0)
                return list;
            ProcessList next = walkAgain();
            list = next with
            {
                Processes = [.. next.Processes.Select(task =>
                    IsMarked(task) && marked.GetValueOrDefault((task.TaskAddress, task.ThreadId)) != task.Visibility
                        ? task with { Visibility = TaskVisibility.Normal }
                        : task)],
            };
        }
        return list;
    }

    private static Dictionary<(ulong, int), TaskVisibility> Marked(ProcessList list) =>
        list.Processes.Where(IsMarked).ToDictionary(task => (task.TaskAddress, task.ThreadId), task => task.Visibility);

    private static bool IsMarked(VmiProcess task) => task.Visibility is TaskVisibility.ListOnly or TaskVisibility.PidTableOnly;
}
