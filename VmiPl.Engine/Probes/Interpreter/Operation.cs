namespace VmiPl.Probes.Interpreter;

/// <summary>What a <see cref="Step"/> does: the instructions of RFC 9669 without their encodings, numbered without gaps.</summary>
internal enum Operation : byte
{
    /// <summary>The second word of <c>lddw</c>: never reached.</summary>
    None,

    // 64-bit arithmetic.
    Add, Subtract, Multiply, Divide, DivideSigned, Or, And, ShiftLeft, ShiftRight, Negate, Modulo, ModuloSigned, Xor, Move,
    ShiftRightSigned, Extend8, Extend16, Extend32,

    // The same on the low halves; the upper half of the result is zero.
    Add32, Subtract32, Multiply32, Divide32, DivideSigned32, Or32, And32, ShiftLeft32, ShiftRight32, Negate32, Modulo32,
    ModuloSigned32, Xor32, Move32, ShiftRightSigned32, Extend8To32, Extend16To32,

    // Byte order: cut to so many bits (64 changes nothing), or swapped within so many bits.
    Cut16, Cut32, Cut64, Swap16, Swap32, Swap64,

    // Jumps.
    Jump, JumpEqual, JumpNotEqual, JumpGreater, JumpGreaterEqual, JumpLess, JumpLessEqual, JumpBits, JumpGreaterSigned,
    JumpGreaterEqualSigned, JumpLessSigned, JumpLessEqualSigned,
    JumpEqual32, JumpNotEqual32, JumpGreater32, JumpGreaterEqual32, JumpLess32, JumpLessEqual32, JumpBits32, JumpGreaterSigned32,
    JumpGreaterEqualSigned32, JumpLessSigned32, JumpLessEqualSigned32,
    CallLocal, CallHelper, Exit,

    // Memory.
    LoadImmediate64, Load8, Load16, Load32, Load64, LoadSigned8, LoadSigned16, LoadSigned32, Store8, Store16, Store32, Store64,
}
