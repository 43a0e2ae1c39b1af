namespace VmiPl.Memory;

/// <summary>How a machine's memory is reached, fastest first.</summary>
public enum MemoryAccess
{
    /// <summary>No way works; the machine can be listed but not read.</summary>
    None,
    /// <summary>The guest's RAM is mapped into this process.</summary>
    SharedMapping,
    /// <summary><c>process_vm_readv</c> and <c>process_vm_writev</c>.</summary>
    ProcessVm,
    /// <summary><c>/proc/PID/mem</c>.</summary>
    ProcMem,
    /// <summary>The monitor's <c>xp</c> command: slow and read-only.</summary>
    Monitor,
    /// <summary>A dump file: read-only.</summary>
    Dump,
}
