namespace VmiPl.Compilation.Bytecode;

/// <summary>The parts that an opcode byte is made of (RFC 9669 §3 to §5).</summary>
public static class Opcode
{
#pragma warning disable CS1591 // the specification's own names
    // Instruction classes, the low three bits (§3.2).
    public const byte ClassMask = 0x07;
    public const byte Ld = 0x00, Ldx = 0x01, St = 0x02, Stx = 0x03, Alu = 0x04, Jmp = 0x05, Jmp32 = 0x06, Alu64 = 0x07;

    // Source operand of arithmetic and jumps (§4): the immediate (K) or a register (X).
    public const byte K = 0x00, X = 0x08;

    // Arithmetic, the high four bits (§4.1).
    public const byte CodeMask = 0xF0;
    public const byte Add = 0x00, Sub = 0x10, Mul = 0x20, Div = 0x30, Or = 0x40, And = 0x50, Lsh = 0x60, Rsh = 0x70,
        Neg = 0x80, Mod = 0x90, Xor = 0xA0, Mov = 0xB0, Arsh = 0xC0, End = 0xD0;

    // Jumps, the high four bits (§4.3).
    public const byte Ja = 0x00, Jeq = 0x10, Jgt = 0x20, Jge = 0x30, Jset = 0x40, Jne = 0x50, Jsgt = 0x60, Jsge = 0x70,
        Call = 0x80, Exit = 0x90, Jlt = 0xA0, Jle = 0xB0, Jslt = 0xC0, Jsle = 0xD0;

    // Size (§5), bits 3 and 4.
    public const byte SizeMask = 0x18;
    public const byte W = 0x00, H = 0x08, B = 0x10, Dw = 0x18;

    // Mode (§5), the high three bits.
    public const byte ModeMask = 0xE0;
    public const byte Imm = 0x00, Abs = 0x20, Ind = 0x40, Mem = 0x60, MemSx = 0x80, Atomic = 0xC0;
#pragma warning restore CS1591

    /// <summary>Load of a 64-bit immediate in two words.</summary>
    public const byte LoadImmediate64 = Ld | Dw | Imm;

    /// <summary>How many bytes a load or store of this opcode moves.</summary>
    public static int SizeInBytes(byte opcode) => (opcode & SizeMask) switch
    {
        B => 1,
        H => 2,
        W => 4,
        _ => 8,
    };
}
