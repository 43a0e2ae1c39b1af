namespace VmiPl.Streams;

/// <summary>A register's value.</summary>
public sealed record RegisterRecord : VmiRecord
{
    /// <summary>The register's name, as in the script.</summary>
    public string Register { get; init; } = "";
    /// <summary>Its value, zero-extended.</summary>
    public ulong Value { get; init; }
    /// <summary>For CR3, the guest-physical address of the top page table in it, comparable with a process's PGDP; else null.</summary>
    public ulong? PageDirectory { get; init; }
}
