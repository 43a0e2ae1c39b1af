using System.Buffers.Binary;

namespace VmiPl.Symbols.Btf;

/// <summary>The start of a BTF blob (Documentation/bpf/btf.rst, <c>struct btf_header</c>), checked against itself. Offsets are
/// in bytes from the blob's start.</summary>
internal readonly record struct BtfHeader(int TypesStart, int TypesLength, int StringsStart, int StringsLength, int TotalLength)
{
    /// <summary>Bytes of the header that this reader knows; later kernels may have longer ones.</summary>
    public const int Size = 24;

    private const int MaxSize = 4096;

    /// <summary>Magic, version 1, no flags; little-endian.</summary>
    public static ReadOnlySpan<byte> Magic => [0x9F, 0xEB, 0x01, 0x00];

    /// <summary>Reads a header; false where it is none or describes more than <paramref name="maxBytes"/>.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, int maxBytes, out BtfHeader header)
    {
        header = default;
        if (bytes.Length < Size || !bytes.StartsWith(Magic))
            return false;
        uint length = Word(bytes, 4), typesAt = Word(bytes, 8), types = Word(bytes, 12), stringsAt = Word(bytes, 16), strings = Word(bytes, 20);
        ulong total = length + Math.Max((ulong)typesAt + types, (ulong)stringsAt + strings);
        if (length is < Size or > MaxSize || (length & 3) != 0 || (typesAt & 3) != 0 || (types & 3) != 0
            || types == 0 || strings == 0 || total > (ulong)maxBytes)
            return false;
        header = new BtfHeader((int)(length + typesAt), (int)types, (int)(length + stringsAt), (int)strings, (int)total);
        return true;
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
