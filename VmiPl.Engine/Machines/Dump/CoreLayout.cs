using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Machines.Dump;

/// <summary>Where everything stands in an ELF64 core: file header, program headers (one for the notes, one for each run of
/// memory), the section header that holds their number where 16 bits do not, notes, then memory from a page boundary on.</summary>
internal sealed class CoreLayout
{
    private const int HeaderBytes = 64, SectionBytes = 64, NoteHeaderBytes = 12, OwnerBytes = 8, Page = 4096;
    private const ushort Core = 4, CurrentVersion = 1;
    private const uint PrStatusType = 1, QemuType = 0;
    private readonly bool _longMode;

    public CoreLayout(IReadOnlyList<PhysicalRange> memory, IReadOnlyList<VcpuRegisters> vcpus, bool longMode)
    {
        _longMode = longMode;
        int segments = memory.Count + 1;
        bool extended = segments >= ElfCoreHeader.ExtendedCount;
        long sections = HeaderBytes + (long)segments * ElfProgramHeader.Bytes64;
        long notes = sections + (extended ? SectionBytes : 0);
        int statusBytes = longMode ? PrStatus.Bytes64 : PrStatus.Bytes32;
        int notesBytes = vcpus.Count * (2 * (NoteHeaderBytes + OwnerBytes) + statusBytes + QemuCpuState.Bytes);
        DataOffset = (notes + notesBytes + Page - 1) & ~(long)(Page - 1);
        Head = new byte[notes + notesBytes];

        WriteHeader(segments, extended, sections);
        WriteNotes(Head.AsSpan((int)notes), vcpus, statusBytes);
        new ElfProgramHeader(ElfProgramHeader.Note, (ulong)notes, 0, 0, (ulong)notesBytes, (ulong)notesBytes).Write64(Entry(0));
        ulong offset = (ulong)DataOffset;
        for (int i = 0; i < memory.Count; i++)
        {
            PhysicalRange range = memory[i];
            new ElfProgramHeader(ElfProgramHeader.Load, offset, 0, range.Start.Value, range.Length, range.Length).Write64(Entry(i + 1));
            offset += (range.Length + Page - 1) & ~(ulong)(Page - 1);
        }
        FileBytes = (long)offset;
    }

    /// <summary>Everything before the memory.</summary>
    public byte[] Head { get; }

    /// <summary>Where the first run's bytes begin; each run begins at a page boundary behind the one before it.</summary>
    public long DataOffset { get; }

    /// <summary>Length of the whole file.</summary>
    public long FileBytes { get; }

    private Span<byte> Entry(int index) => Head.AsSpan(HeaderBytes + index * ElfProgramHeader.Bytes64);

    private void WriteHeader(int segments, bool extended, long sections)
    {
        Span<byte> header = Head;
        ReadOnlySpan<byte> identification = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];   // 64 bits, little-endian, version 1
        identification.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], Core);
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], _longMode ? ElfCoreHeader.X86_64 : ElfCoreHeader.I386);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], CurrentVersion);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], ElfProgramHeader.Bytes64);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], extended ? ElfCoreHeader.ExtendedCount : (ushort)segments);
        if (!extended)
            return;
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], (ulong)sections);
        BinaryPrimitives.WriteUInt16LittleEndian(header[58..], SectionBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[60..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(header[((int)sections + 44)..], (uint)segments);
    }

    // All of one kind, then all of the other, as QEMU writes them: crash counts on it.
    private void WriteNotes(Span<byte> notes, IReadOnlyList<VcpuRegisters> vcpus, int statusBytes)
    {
        foreach (VcpuRegisters vcpu in vcpus)
            PrStatus.Write(Note(ref notes, "CORE"u8, PrStatusType, statusBytes), vcpu, _longMode);
        foreach (VcpuRegisters vcpu in vcpus)
            QemuCpuState.Write(Note(ref notes, "QEMU"u8, QemuType, QemuCpuState.Bytes), vcpu);
    }

    private static Span<byte> Note(ref Span<byte> notes, ReadOnlySpan<byte> owner, uint type, int bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(notes, (uint)owner.Length + 1);
        BinaryPrimitives.WriteInt32LittleEndian(notes[4..], bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(notes[8..], type);
        owner.CopyTo(notes[NoteHeaderBytes..]);
        Span<byte> content = notes.Slice(NoteHeaderBytes + OwnerBytes, bytes);
        notes = notes[(NoteHeaderBytes + OwnerBytes + bytes)..];
        return content;
    }
}
