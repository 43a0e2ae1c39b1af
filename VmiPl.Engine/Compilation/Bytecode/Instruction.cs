using System.Buffers.Binary;

namespace VmiPl.Compilation.Bytecode;

/// <summary>One 64-bit instruction word of RFC 9669 §3, in little-endian encoding. <c>lddw</c> (opcode 0x18) takes two words,
/// the second with opcode 0 and the upper 32 bits of the immediate.</summary>
public readonly record struct Instruction(byte Opcode, byte Destination, byte Source, short Offset, int Immediate)
{
    /// <summary>Bytes of one word.</summary>
    public const int Size = 8;

    /// <summary>Reads a word; <paramref name="bytes"/> holds at least <see cref="Size"/>. Any bytes are some word: what it may be
    /// is the verifier's to say.</summary>
    public static Instruction Read(ReadOnlySpan<byte> bytes) => new(
        bytes[0], (byte)(bytes[1] & 0xF), (byte)(bytes[1] >> 4),
        BinaryPrimitives.ReadInt16LittleEndian(bytes[2..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]));

    /// <summary>Writes the word to the first <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        bytes[0] = Opcode;
        bytes[1] = (byte)((Destination & 0xF) | (Source << 4));
        BinaryPrimitives.WriteInt16LittleEndian(bytes[2..], Offset);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], Immediate);
    }
}
