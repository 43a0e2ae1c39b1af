using System.Collections.Immutable;
using VmiPl.Language.Model;

namespace VmiPl.Compilation.Records;

/// <summary>What the bytes of one kind of record mean, and whose they are. Programs know a schema by its <see cref="Index"/> only; the schema
/// itself stays on this side. All numbers are little-endian. Immutable; safe from any thread.</summary>
public abstract record RecordSchema
{
    /// <summary>Number in the session.</summary>
    public int Index { get; init; }
    /// <summary>The event probe's id.</summary>
    public int ProbeId { get; init; }
    /// <summary>The event probe's label, or null.</summary>
    public string? Label { get; init; }
    /// <summary>The event's name: <c>ExecuteAt</c>.</summary>
    public string Event { get; init; } = "";
    /// <summary>The data probe's name: <c>ReadRegister</c>.</summary>
    public string Probe { get; init; } = "";
    /// <summary>Where the records go.</summary>
    public Output Output { get; init; } = Output.Default;
}

/// <summary>u32 status, u32 unused, u64 value.</summary>
public sealed record RegisterSchema : RecordSchema
{
    /// <summary>Bytes of a record.</summary>
    public const int Size = 16;
    /// <summary>The register's name as the script has it, in upper case.</summary>
    public required string Register { get; init; }
    /// <summary>For CR3, the mask that leaves the page table's address; else 0.</summary>
    public ulong PageDirectoryMask { get; init; }
}

/// <summary>u32 status, u32 bytes asked for, u64 guest-virtual address, then the bytes that could be read.</summary>
public sealed record MemorySchema : RecordSchema
{
    /// <summary>Bytes before the content.</summary>
    public const int HeaderSize = 16;
}

/// <summary>As <see cref="MemorySchema"/>; the bytes are those before the NUL.</summary>
public sealed record TextSchema : RecordSchema;

/// <summary>u32 status, u32 mask of the fields that there were (bit n: field n of <see cref="Fields"/>), then a u64 each.</summary>
public sealed record VmcsSchema : RecordSchema
{
    /// <summary>Bytes before the values.</summary>
    public const int HeaderSize = 8;
    /// <summary>The fields in the order asked for.</summary>
    public required ImmutableArray<VmcsField> Fields { get; init; }
}

/// <summary>A process: the bytes of its path and, behind them, a trailer of <see cref="TrailerSize"/> bytes: u32 status, u32 <see cref="ProcessFlags"/>,
/// u64 guest-physical page directory, 16 bytes name, u32 process id, u32 unused, u64 address of the task. With a status that is not
/// <see cref="RecordStatus.Whole"/> the record ends a list early, and the task's address is where it broke off. The path stands in
/// front because a program finds it from its end.</summary>
public sealed record ProcessSchema : RecordSchema
{
#pragma warning disable CS1591 // offsets in the trailer, described above
    public const int StatusAt = 0, FlagsAt = 4, PageDirectoryAt = 8, NameAt = 16, ProcessIdAt = 32, TaskAt = 40, TrailerSize = 48;
#pragma warning restore CS1591
    /// <summary>The fields that the script asks for, in its order.</summary>
    public required ImmutableArray<ProcessField> Fields { get; init; }
}

/// <summary>u32 status, u32 bytes, u64 guest-virtual address: something at that address did not work.</summary>
public sealed record FailureSchema : RecordSchema
{
    /// <summary>Bytes of a record.</summary>
    public const int Size = 16;
}

/// <summary>u32 status: the virtual machine was paused.</summary>
public sealed record PauseSchema : RecordSchema
{
    /// <summary>Bytes of a record.</summary>
    public const int Size = 4;
}
