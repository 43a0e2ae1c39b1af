namespace VmiPl.Linux;

/// <summary>In which of the kernel's two independent views a task was found.</summary>
public enum TaskVisibility
{
    /// <summary>In the task list and in the pid table.</summary>
    Normal,
    /// <summary>In the task list only: the pid table does not know it.</summary>
    ListOnly,
    /// <summary>In the pid table only: it is missing from the task list.</summary>
    PidTableOnly,
    /// <summary>The pid table of this kernel could not be read, so that nothing can be said.</summary>
    NotChecked,
}
