using System.Buffers.Binary;

namespace VmiPl.Symbols.Ksymtab;

/// <summary>How one <c>struct kernel_symbol</c> is written (<c>include/linux/export-internal.h</c>, <c>kernel/module/internal.h</c>):
/// value, name and, from 5.4 on, namespace; each an absolute pointer, or a 32-bit distance from its own place (PREL32: x86-64
/// from 4.19 on).</summary>
internal readonly record struct KsymtabRecord(bool IsRelative, int PointerSize, int Words)
{
    /// <summary>All ways to write one in a kernel with pointers of that size.</summary>
    public static IEnumerable<KsymtabRecord> All(int pointerSize) =>
        [new(false, pointerSize, 3), new(false, pointerSize, 2), new(true, pointerSize, 3), new(true, pointerSize, 2)];

    /// <summary>Bytes of one field.</summary>
    public int FieldBytes => IsRelative ? sizeof(int) : PointerSize;

    /// <summary>Bytes of one record.</summary>
    public int Bytes => Words * FieldBytes;

    /// <summary>The address that a field holds; <paramref name="address"/> is the field's own.</summary>
    public ulong Decode(ReadOnlySpan<byte> field, ulong address)
    {
        if (!IsRelative)
            return PointerSize == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(field) : BinaryPrimitives.ReadUInt32LittleEndian(field);
        ulong target = address + (ulong)(long)BinaryPrimitives.ReadInt32LittleEndian(field);
        return PointerSize == 8 ? target : (uint)target;
    }
}
