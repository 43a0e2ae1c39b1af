using System.Buffers.Binary;

namespace VmiPl.Machines.Dump;

/// <summary>QEMU's own note of one vCPU, version 1 (target/i386/arch_dump.c, struct QEMUCPUState): version and size, 18
/// registers of 8 bytes, 10 segments of 24, CR0 to CR4, and in newer ones the kernel's GS base.</summary>
internal static class QemuCpuState
{
    /// <summary>Bytes without the kernel's GS base, which readers take by the size.</summary>
    public const int Bytes = Control + 5 * 8;
    private const int General = 8, Segments = General + 18 * 8, SegmentBytes = 24, Control = Segments + 10 * SegmentBytes;
    private const uint Version = 1;
    private const uint LongSegment = 1 << 21, PresentSegment = 1 << 15, CodeSegment = 3 << 11;   // descriptor bits, SDM 3.4.5
    private const int PrivilegeShift = 13;
    private const ulong ProtectedMode = 1, Paging = 1UL << 31, PhysicalAddressExtension = 1 << 5;
    private const ulong LongModeEnabledAndActive = 0x500;

    /// <summary>The registers, or null where it is another version or too short. EFER is not in the note; its long-mode bits
    /// are told from <paramref name="machine"/>, which QEMU sets to x86-64 only in long mode, and the paging bits.</summary>
    public static VcpuRegisters? Parse(ReadOnlySpan<byte> note, ushort machine)
    {
        if (note.Length < Bytes || BinaryPrimitives.ReadUInt32LittleEndian(note) != Version)
            return null;
        ReadOnlySpan<byte> at = note[General..];
        ulong cr0 = U64(note[Control..], 0), cr4 = U64(note[Control..], 4);
        bool longMode = machine == ElfCoreHeader.X86_64 && (cr0 & Paging) != 0 && (cr4 & PhysicalAddressExtension) != 0;
        return new VcpuRegisters
        {
            Rax = U64(at, 0), Rbx = U64(at, 1), Rcx = U64(at, 2), Rdx = U64(at, 3), Rsi = U64(at, 4), Rdi = U64(at, 5),
            Rsp = U64(at, 6), Rbp = U64(at, 7), R8 = U64(at, 8), R9 = U64(at, 9), R10 = U64(at, 10), R11 = U64(at, 11),
            R12 = U64(at, 12), R13 = U64(at, 13), R14 = U64(at, 14), R15 = U64(at, 15), Rip = U64(at, 16), Rflags = U64(at, 17),
            Cs = Selector(note, 0), Ds = Selector(note, 1), Es = Selector(note, 2), Fs = Selector(note, 3), Gs = Selector(note, 4),
            Ss = Selector(note, 5), Ldt = Selector(note, 6), Tr = Selector(note, 7),
            FsBase = Base(note, 3), GsBase = Base(note, 4),
            GdtBase = Base(note, 8), GdtLimit = (ushort)Limit(note, 8), IdtBase = Base(note, 9), IdtLimit = (ushort)Limit(note, 9),
            Cr0 = cr0, Cr2 = U64(note[Control..], 2), Cr3 = U64(note[Control..], 3), Cr4 = cr4,
            Efer = longMode ? LongModeEnabledAndActive : 0,
            Is64Bit = longMode && (Flags(note, 0) & LongSegment) != 0,
            Cpl = (cr0 & ProtectedMode) == 0 ? 0 : Selector(note, 0) & 3,
        };
    }

    /// <summary>Writes the note of a vCPU into <see cref="Bytes"/> zeroed bytes. Of the segments' flags and limits only what
    /// is known is set.</summary>
    public static void Write(Span<byte> note, VcpuRegisters r)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(note, Version);
        BinaryPrimitives.WriteUInt32LittleEndian(note[4..], Bytes);
        ReadOnlySpan<ulong> general =
        [
            r.Rax, r.Rbx, r.Rcx, r.Rdx, r.Rsi, r.Rdi, r.Rsp, r.Rbp, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rip, r.Rflags,
        ];
        for (int i = 0; i < general.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(note[(General + i * 8)..], general[i]);
        uint code = PresentSegment | CodeSegment | (uint)r.Cpl << PrivilegeShift | (r.Is64Bit ? LongSegment : 0);
        WriteSegment(note, 0, r.Cs, 0, 0, code);
        WriteSegment(note, 1, r.Ds, 0, 0, 0);
        WriteSegment(note, 2, r.Es, 0, 0, 0);
        WriteSegment(note, 3, r.Fs, r.FsBase, 0, 0);
        WriteSegment(note, 4, r.Gs, r.GsBase, 0, 0);
        WriteSegment(note, 5, r.Ss, 0, 0, 0);
        WriteSegment(note, 6, r.Ldt, 0, 0, 0);
        WriteSegment(note, 7, r.Tr, 0, 0, 0);
        WriteSegment(note, 8, 0, r.GdtBase, r.GdtLimit, 0);
        WriteSegment(note, 9, 0, r.IdtBase, r.IdtLimit, 0);
        ReadOnlySpan<ulong> control = [r.Cr0, 0, r.Cr2, r.Cr3, r.Cr4];
        for (int i = 0; i < control.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(note[(Control + i * 8)..], control[i]);
    }

    // struct QEMUCPUSegment: selector, limit, flags, padding (4 bytes each), base. Order: cs ds es fs gs ss ldt tr gdt idt.
    private static void WriteSegment(Span<byte> note, int index, ushort selector, ulong start, uint limit, uint flags)
    {
        Span<byte> segment = note.Slice(Segments + index * SegmentBytes, SegmentBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(segment, selector);
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], limit);
        BinaryPrimitives.WriteUInt32LittleEndian(segment[8..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], start);
    }

    private static ushort Selector(ReadOnlySpan<byte> note, int index) => (ushort)BinaryPrimitives.ReadUInt32LittleEndian(note[(Segments + index * SegmentBytes)..]);

    private static uint Limit(ReadOnlySpan<byte> note, int index) => BinaryPrimitives.ReadUInt32LittleEndian(note[(Segments + index * SegmentBytes + 4)..]);

    private static uint Flags(ReadOnlySpan<byte> note, int index) => BinaryPrimitives.ReadUInt32LittleEndian(note[(Segments + index * SegmentBytes + 8)..]);

    private static ulong Base(ReadOnlySpan<byte> note, int index) => BinaryPrimitives.ReadUInt64LittleEndian(note[(Segments + index * SegmentBytes + 16)..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[(index * 8)..]);
}
