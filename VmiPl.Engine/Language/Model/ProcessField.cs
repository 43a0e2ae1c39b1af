namespace VmiPl.Language.Model;

/// <summary>What a process can be asked for.</summary>
public enum ProcessField
{
    /// <summary>PID: the thread-group id in the guest's first pid namespace.</summary>
    Pid,
    /// <summary>NAME: the kernel's <c>comm</c>, at most 15 bytes.</summary>
    Name,
    /// <summary>PATH: the executable's absolute path.</summary>
    Path,
    /// <summary>PGDP: guest-physical address of the top page table.</summary>
    PageDirectory,
}
