using System.Buffers.Binary;

namespace VmiPl.Symbols.Btf;

/// <summary>One type's record (<c>struct btf_type</c>): where its name is, its kind, how many entries follow, and its size or
/// the type that it refers to.</summary>
internal readonly record struct BtfType(int Name, BtfKind Kind, int Count, bool Flag, uint SizeOrType)
{
    /// <summary>Bytes of the record itself.</summary>
    public const int Size = 12;

    /// <summary>Bytes of one member of a struct or union.</summary>
    public const int MemberSize = 12;

    /// <summary>Reads a record; the caller made sure that <see cref="Size"/> bytes are there.</summary>
    public static BtfType Read(ReadOnlySpan<byte> bytes)
    {
        uint info = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        // Bits 16 to 23 were always zero; reading them with the count costs nothing and stands growth.
        return new BtfType(
            (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes), (BtfKind)((info >> 24) & 0x7F), (int)(info & 0xFF_FFFF), info >> 31 != 0,
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]));
    }

    /// <summary>Bytes that follow the record; −1 for a kind that is not known.</summary>
    public int Extra => Kind switch
    {
        BtfKind.Int or BtfKind.Variable or BtfKind.DeclarationTag => 4,
        BtfKind.Array => 12,
        BtfKind.Struct or BtfKind.Union or BtfKind.DataSection or BtfKind.Enum64 => 12 * Count,
        BtfKind.Enum or BtfKind.FunctionPrototype => 8 * Count,
        BtfKind.Pointer or BtfKind.Forward or BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict
            or BtfKind.Function or BtfKind.Float or BtfKind.TypeTag => 0,
        _ => -1,
    };
}
