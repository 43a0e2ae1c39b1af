using System.Buffers.Binary;

namespace VmiPl.Machines.Dump;

/// <summary>One program header of an ELF file (Elf64_Phdr, Elf32_Phdr; man 5 elf).</summary>
internal readonly record struct ElfProgramHeader(uint Type, ulong Offset, ulong Virtual, ulong Physical, ulong FileBytes, ulong MemoryBytes)
{
    public const uint Load = 1, Note = 4;
    public const int Bytes64 = 56;

    public static ElfProgramHeader Parse(ReadOnlySpan<byte> entry, bool wide) => wide
        ? new(U32(entry, 0), U64(entry, 8), U64(entry, 16), U64(entry, 24), U64(entry, 32), U64(entry, 40))
        : new(U32(entry, 0), U32(entry, 4), U32(entry, 8), U32(entry, 12), U32(entry, 16), U32(entry, 20));

    /// <summary>Writes it as an Elf64_Phdr. Flags and alignment are 0, as in the cores that QEMU writes.</summary>
    public void Write64(Span<byte> entry)
    {
        entry[..Bytes64].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(entry, Type);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], Offset);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], Virtual);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[24..], Physical);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[32..], FileBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[40..], MemoryBytes);
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
}
