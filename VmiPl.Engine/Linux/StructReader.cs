using System.Buffers.Binary;

namespace VmiPl.Linux;

/// <summary>Little-endian members of a structure (or a run of it that begins at <paramref name="origin"/>) that was read into
/// a buffer. A member outside of the buffer, or missing, reads as 0.</summary>
internal readonly ref struct StructReader(ReadOnlySpan<byte> bytes, int origin, int pointerSize)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    public ulong Pointer(int offset) => pointerSize == 8 ? UInt64(offset) : UInt32(offset);

    public uint UInt32(int offset) => Has(offset, 4) ? BinaryPrimitives.ReadUInt32LittleEndian(_bytes[(offset - origin)..]) : 0;

    public int Int32(int offset) => (int)UInt32(offset);

    public ulong UInt64(int offset) => Has(offset, 8) ? BinaryPrimitives.ReadUInt64LittleEndian(_bytes[(offset - origin)..]) : 0;

    public ReadOnlySpan<byte> Bytes(int offset, int length) => Has(offset, length) ? _bytes.Slice(offset - origin, length) : default;

    private bool Has(int offset, int length) => offset >= origin && offset - origin <= _bytes.Length - length;
}
