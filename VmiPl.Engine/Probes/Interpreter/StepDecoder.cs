using System.Collections.Immutable;
using VmiPl.Compilation.Bytecode;

namespace VmiPl.Probes.Interpreter;

/// <summary>Turns verified instruction words into steps, one for each word, so that indices stay the same.</summary>
internal static class StepDecoder
{
    public static Step[] Decode(ImmutableArray<Instruction> code)
    {
        var steps = new Step[code.Length];
        for (int i = 0; i < code.Length; i++)
        {
            Instruction word = code[i];
            if (word.Opcode == Opcode.LoadImmediate64)
            {
                long value = ((long)code[i + 1].Immediate << 32) | (uint)word.Immediate;
                steps[i++] = new Step(Operation.LoadImmediate64, word.Destination, Step.Zero, 0, value);
                continue;
            }
            steps[i] = (word.Opcode & Opcode.ClassMask) switch
            {
                Opcode.Ldx => new Step(LoadOperation(word), word.Destination, word.Source, 0, word.Offset),
                Opcode.St => new Step(StoreOperation(word), word.Destination, Step.Zero, word.Offset, word.Immediate),
                Opcode.Stx => new Step(StoreOperation(word), word.Destination, word.Source, word.Offset, 0),
                Opcode.Jmp or Opcode.Jmp32 => Jump(word, i),
                _ => new Step(Arithmetic(word), word.Destination, Operand(word), 0, word.Immediate),
            };
        }
        return steps;
    }

    /// <summary>The register that the operand of arithmetic and jumps begins with.</summary>
    private static int Operand(Instruction word) => (word.Opcode & Opcode.X) != 0 ? word.Source : Step.Zero;

    private static Operation LoadOperation(Instruction word) => (word.Opcode & (Opcode.ModeMask | Opcode.SizeMask)) switch
    {
        Opcode.Mem | Opcode.B => Operation.Load8,
        Opcode.Mem | Opcode.H => Operation.Load16,
        Opcode.Mem | Opcode.W => Operation.Load32,
        Opcode.Mem | Opcode.Dw => Operation.Load64,
        Opcode.MemSx | Opcode.B => Operation.LoadSigned8,
        Opcode.MemSx | Opcode.H => Operation.LoadSigned16,
        _ => Operation.LoadSigned32,
    };

    private static Operation StoreOperation(Instruction word) => (word.Opcode & Opcode.SizeMask) switch
    {
        Opcode.B => Operation.Store8,
        Opcode.H => Operation.Store16,
        Opcode.W => Operation.Store32,
        _ => Operation.Store64,
    };

    private static Step Jump(Instruction word, int index)
    {
        BranchTarget.TryGet(word, index, out long target);
        int code = word.Opcode & Opcode.CodeMask;
        return code switch
        {
            Opcode.Exit => new Step(Operation.Exit, 0, Step.Zero, 0, 0),
            Opcode.Ja => new Step(Operation.Jump, 0, Step.Zero, (int)target, 0),
            Opcode.Call when word.Source == 1 => new Step(Operation.CallLocal, 0, Step.Zero, (int)target, 0),
            Opcode.Call => new Step(Operation.CallHelper, 0, Step.Zero, 0, word.Immediate),
            _ => new Step(Comparison(word), word.Destination, Operand(word), (int)target, word.Immediate),
        };
    }

    private static Operation Comparison(Instruction word)
    {
        bool isWide = (word.Opcode & Opcode.ClassMask) == Opcode.Jmp;
        return (word.Opcode & Opcode.CodeMask) switch
        {
            Opcode.Jeq => isWide ? Operation.JumpEqual : Operation.JumpEqual32,
            Opcode.Jgt => isWide ? Operation.JumpGreater : Operation.JumpGreater32,
            Opcode.Jge => isWide ? Operation.JumpGreaterEqual : Operation.JumpGreaterEqual32,
            Opcode.Jset => isWide ? Operation.JumpBits : Operation.JumpBits32,
            Opcode.Jne => isWide ? Operation.JumpNotEqual : Operation.JumpNotEqual32,
            Opcode.Jsgt => isWide ? Operation.JumpGreaterSigned : Operation.JumpGreaterSigned32,
            Opcode.Jsge => isWide ? Operation.JumpGreaterEqualSigned : Operation.JumpGreaterEqualSigned32,
            Opcode.Jlt => isWide ? Operation.JumpLess : Operation.JumpLess32,
            Opcode.Jle => isWide ? Operation.JumpLessEqual : Operation.JumpLessEqual32,
            Opcode.Jslt => isWide ? Operation.JumpLessSigned : Operation.JumpLessSigned32,
            _ => isWide ? Operation.JumpLessEqualSigned : Operation.JumpLessEqualSigned32,
        };
    }

    private static Operation Arithmetic(Instruction word)
    {
        bool isWide = (word.Opcode & Opcode.ClassMask) == Opcode.Alu64, isSigned = word.Offset == 1;
        return (word.Opcode & Opcode.CodeMask) switch
        {
            Opcode.Add => isWide ? Operation.Add : Operation.Add32,
            Opcode.Sub => isWide ? Operation.Subtract : Operation.Subtract32,
            Opcode.Mul => isWide ? Operation.Multiply : Operation.Multiply32,
            Opcode.Div when isSigned => isWide ? Operation.DivideSigned : Operation.DivideSigned32,
            Opcode.Div => isWide ? Operation.Divide : Operation.Divide32,
            Opcode.Or => isWide ? Operation.Or : Operation.Or32,
            Opcode.And => isWide ? Operation.And : Operation.And32,
            Opcode.Lsh => isWide ? Operation.ShiftLeft : Operation.ShiftLeft32,
            Opcode.Rsh => isWide ? Operation.ShiftRight : Operation.ShiftRight32,
            Opcode.Neg => isWide ? Operation.Negate : Operation.Negate32,
            Opcode.Mod when isSigned => isWide ? Operation.ModuloSigned : Operation.ModuloSigned32,
            Opcode.Mod => isWide ? Operation.Modulo : Operation.Modulo32,
            Opcode.Xor => isWide ? Operation.Xor : Operation.Xor32,
            Opcode.Arsh => isWide ? Operation.ShiftRightSigned : Operation.ShiftRightSigned32,
            Opcode.Mov => word.Offset switch
            {
                8 => isWide ? Operation.Extend8 : Operation.Extend8To32,
                16 => isWide ? Operation.Extend16 : Operation.Extend16To32,
                32 => Operation.Extend32,
                _ => isWide ? Operation.Move : Operation.Move32,
            },
            _ => ByteOrder(word),
        };
    }

    /// <summary>The probe machine is little-endian: <c>le</c> only cuts, <c>be</c> and <c>bswap</c> are the same.</summary>
    private static Operation ByteOrder(Instruction word)
    {
        bool cuts = word.Opcode == (Opcode.Alu | Opcode.End | Opcode.K);
        return word.Immediate switch
        {
            16 => cuts ? Operation.Cut16 : Operation.Swap16,
            32 => cuts ? Operation.Cut32 : Operation.Swap32,
            _ => cuts ? Operation.Cut64 : Operation.Swap64,
        };
    }
}
