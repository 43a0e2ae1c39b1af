namespace VmiPl.Streams;

/// <summary>A process of the guest. Fields that the script does not ask for are null.</summary>
public sealed record ProcessRecord : VmiRecord
{
    /// <summary>Thread-group id in the guest's first pid namespace.</summary>
    public int? ProcessId { get; init; }
    /// <summary>The kernel's <c>comm</c>.</summary>
    public string? Name { get; init; }
    /// <summary>Absolute path of the executable; null for kernel threads too.</summary>
    public string? Path { get; init; }
    /// <summary>Guest-physical address of the top page table; null for kernel threads too.</summary>
    public ulong? PageDirectory { get; init; }
    /// <summary>Guest-virtual address of its <c>task_struct</c>.</summary>
    public ulong TaskAddress { get; init; }
}
