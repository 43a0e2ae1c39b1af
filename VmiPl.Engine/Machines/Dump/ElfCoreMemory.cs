using VmiPl.Errors;

namespace VmiPl.Machines.Dump;

/// <summary>An ELF core of a machine, 32 or 64 bits: one PT_LOAD segment for each run of memory with its guest-physical
/// address in <c>p_paddr</c>, notes with the vCPUs' registers. QEMU writes them (dump/dump.c), with <c>paging</c> one
/// segment for each run of virtual memory, so that the same physical memory may stand in several. What a segment has in
/// memory and not in the file (<c>p_memsz</c> beyond <c>p_filesz</c>) was left out of the dump and cannot be read.</summary>
public sealed class ElfCoreMemory : DumpMemory
{
    private const int EntriesAtOnce = 4096;
    private readonly ElfCoreNotes _notes;

    private ElfCoreMemory(DumpInput file, List<DumpSegment> segments, ElfCoreNotes notes, string architecture)
        : base(file, segments)
    {
        _notes = notes;
        Architecture = architecture;
    }

    /// <summary>The first four bytes of every ELF file.</summary>
    internal static ReadOnlySpan<byte> Magic => [0x7F, (byte)'E', (byte)'L', (byte)'F'];

    /// <inheritdoc/>
    public override IReadOnlyList<VcpuRegisters> Registers => _notes.Registers;

    /// <summary>The guest's VMCOREINFO note (lines of KEY=value; Documentation/admin-guide/kdump/vmcoreinfo.rst) as it stands
    /// in the file; empty where the guest gave QEMU none.</summary>
    public ReadOnlyMemory<byte> VmCoreInfo => _notes.VmCoreInfo;

    /// <inheritdoc/>
    public override string Architecture { get; }

    internal static ElfCoreMemory Read(DumpInput file, VmiLimits limits)
    {
        ElfCoreHeader header = ElfCoreHeader.Read(file, limits);
        byte[] table = new byte[Math.Min(header.Count, EntriesAtOnce) * header.EntryBytes];
        var segments = new List<DumpSegment>();
        var notes = new ElfCoreNotes(header.Machine, Path.GetFileName(file.Path));
        bool anyPhysical = false;
        for (int i = 0; i < header.Count; i++)
        {
            int inTable = i % EntriesAtOnce * header.EntryBytes;
            if (inTable == 0)
                file.ReadHeader(header.TableOffset + (long)i * header.EntryBytes, table.AsSpan(0, Math.Min(header.Count - i, EntriesAtOnce) * header.EntryBytes), "the table of program headers");
            ElfProgramHeader entry = ElfProgramHeader.Parse(table.AsSpan(inTable), header.Is64Bit);
            if (entry.Type == ElfProgramHeader.Note)
                notes.Read(file, entry.Offset, entry.FileBytes);
            if (entry.Type != ElfProgramHeader.Load)
                continue;
            ulong length = file.Clip(entry.Offset, Math.Min(entry.FileBytes, entry.MemoryBytes));
            // Never past the top of physical memory; an address of -1 means that it is not known.
            if (length == 0 || entry.Physical == ulong.MaxValue || length - 1 > ulong.MaxValue - entry.Physical)
                continue;
            anyPhysical |= entry.Physical != 0;
            segments.Add(new DumpSegment(entry.Physical, (long)entry.Offset, length));
        }
        if (segments.Count > 1 && !anyPhysical)
            throw file.Invalid("its segments have no physical addresses; it may be the core of a process");
        return new ElfCoreMemory(file, segments, notes, header.Architecture);
    }
}
