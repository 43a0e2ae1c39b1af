using System.Buffers.Binary;
using VmiPl.Errors;

namespace VmiPl.Machines.Dump;

/// <summary>What an ELF core's file header says (System V ABI, chapter 4; man 5 elf): its class, machine, and where its
/// program headers stand.</summary>
internal readonly record struct ElfCoreHeader(bool Is64Bit, ushort Machine, long TableOffset, int Count)
{
    public const ushort Core = 4, I386 = 3, X86_64 = 62, AArch64 = 183;
    public const ushort ExtendedCount = 0xFFFF;   // PN_XNUM: the count stands in section header 0
    private const int Header64 = 64, Header32 = 52, Section64 = 64, Section32 = 40;

    /// <summary>Bytes of a program header.</summary>
    public int EntryBytes => EntrySize(Is64Bit);

    /// <summary>The machine as QEMU calls it.</summary>
    public string Architecture => Machine switch
    {
        I386 => "i386",
        X86_64 => "x86_64",
        AArch64 => "aarch64",
        _ => "",
    };

    public static ElfCoreHeader Read(DumpInput file, VmiLimits limits)
    {
        Span<byte> header = stackalloc byte[Header64];
        file.ReadHeader(0, header[..Header32], "the ELF header");
        bool wide = header[4] == 2;
        if (header[4] is not (1 or 2))
            throw file.Invalid($"the ELF class is {header[4]}");
        if (header[5] == 2)
            throw new VmiException(VmiErrorCode.NotSupported, $"Dump file '{file.Path}' is of a big-endian machine.", file.Path);
        if (header[5] != 1)
            throw file.Invalid($"the ELF byte order is {header[5]}");
        if (wide)
            file.ReadHeader(0, header, "the ELF header");
        ushort type = BinaryPrimitives.ReadUInt16LittleEndian(header[16..]);
        if (type != Core)
            throw file.Invalid($"it is an ELF file of type {type} and not a core (type {Core})");
        ushort machine = BinaryPrimitives.ReadUInt16LittleEndian(header[18..]);
        ulong table = wide ? BinaryPrimitives.ReadUInt64LittleEndian(header[32..]) : BinaryPrimitives.ReadUInt32LittleEndian(header[28..]);
        ulong sections = wide ? BinaryPrimitives.ReadUInt64LittleEndian(header[40..]) : BinaryPrimitives.ReadUInt32LittleEndian(header[32..]);
        ReadOnlySpan<byte> sizes = header[(wide ? 54 : 42)..];
        ushort entryBytes = BinaryPrimitives.ReadUInt16LittleEndian(sizes);
        uint count = BinaryPrimitives.ReadUInt16LittleEndian(sizes[2..]);
        if (count == ExtendedCount)
            count = ReadExtendedCount(file, wide, sections);
        if (count == 0)
            throw file.Invalid("it has no program headers");
        if (entryBytes != EntrySize(wide))
            throw file.Invalid($"its program headers have {entryBytes} bytes and not {EntrySize(wide)}");
        ulong tableBytes = (ulong)count * entryBytes;
        if (file.Clip(table, tableBytes) < tableBytes)
            throw file.Invalid("its program headers lie beyond the end of the file");
        if (count > (uint)limits.MaxDumpSegments)
            throw new VmiException(VmiErrorCode.LimitExceeded, $"Dump file '{file.Path}' has {count} segments; the limit is {limits.MaxDumpSegments}.", file.Path);
        return new ElfCoreHeader(wide, machine, (long)table, (int)count);
    }

    private static int EntrySize(bool wide) => wide ? 56 : 32;

    private static uint ReadExtendedCount(DumpInput file, bool wide, ulong offset)
    {
        Span<byte> section = stackalloc byte[wide ? Section64 : Section32];
        if (offset == 0 || offset > long.MaxValue)
            throw file.Invalid("its number of segments is missing");
        file.ReadHeader((long)offset, section, "the section header with the number of segments");
        return BinaryPrimitives.ReadUInt32LittleEndian(section[(wide ? 44 : 28)..]);   // sh_info
    }
}
