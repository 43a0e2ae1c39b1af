namespace VmiPl.Compilation.Bytecode;

/// <summary>Says whether one word is an instruction of the probe machine: the conformance groups base64 (with base32) and divmul64
/// (with divmul32) of RFC 9669 §2.4, with every field that the instruction does not use at zero (§3.1). What the word needs of the
/// program around it (targets, the second word of <c>lddw</c>) is <see cref="Verifier"/>'s.</summary>
internal static class InstructionForm
{
    /// <summary>Registers that an instruction can name: r0 to r10.</summary>
    public const int Registers = 11;

    [Flags]
    private enum Fields
    {
        None = 0,
        Destination = 1,
        Source = 2,
        Offset = 4,
        Immediate = 8,
    }

    /// <summary>What is wrong with the word, in words that fit behind <c>instruction 12: </c>; null for a good one.</summary>
    public static string? Problem(Instruction word) => (word.Opcode & Opcode.ClassMask) switch
    {
        Opcode.Ld => LoadImmediate(word),
        Opcode.Ldx => Load(word),
        Opcode.St or Opcode.Stx => Store(word),
        Opcode.Jmp or Opcode.Jmp32 => Jump(word),
        _ => Arithmetic(word),
    };

    private static string? LoadImmediate(Instruction word)
    {
        if ((word.Opcode & Opcode.ModeMask) is Opcode.Abs or Opcode.Ind && (word.Opcode & Opcode.SizeMask) != Opcode.Dw)
            return "packet access is not supported";
        if (word.Opcode != Opcode.LoadImmediate64)
            return Unknown(word);
        return word.Source switch
        {
            0 => Unused(word, Fields.Destination | Fields.Immediate),
            1 or 2 or 5 or 6 => "lddw of a map is not supported",
            3 => "lddw of a platform variable (BTF) is not supported",
            4 => "lddw of a code address is not supported",
            _ => $"lddw has no kind {word.Source}",
        };
    }

    private static string? Load(Instruction word)
    {
        bool isKnown = (word.Opcode & Opcode.ModeMask) switch
        {
            Opcode.Mem => true,
            Opcode.MemSx => (word.Opcode & Opcode.SizeMask) != Opcode.Dw,
            _ => false,
        };
        return isKnown ? Unused(word, Fields.Destination | Fields.Source | Fields.Offset) : Unknown(word);
    }

    private static string? Store(Instruction word)
    {
        bool fromRegister = (word.Opcode & Opcode.ClassMask) == Opcode.Stx;
        return (word.Opcode & Opcode.ModeMask) switch
        {
            Opcode.Mem => Unused(word, Fields.Destination | Fields.Offset | (fromRegister ? Fields.Source : Fields.Immediate)),
            Opcode.Atomic when fromRegister => "atomic operations are not supported",
            _ => Unknown(word),
        };
    }

    private static string? Arithmetic(Instruction word)
    {
        bool isWide = (word.Opcode & Opcode.ClassMask) == Opcode.Alu64, fromRegister = (word.Opcode & Opcode.X) != 0;
        Fields operand = fromRegister ? Fields.Source : Fields.Immediate;
        switch (word.Opcode & Opcode.CodeMask)
        {
            case > Opcode.End:
            case Opcode.Neg when fromRegister:
            case Opcode.End when isWide && fromRegister:
                return Unknown(word);
            case Opcode.Neg:
                return Unused(word, Fields.Destination);
            case Opcode.End:
                return word.Immediate is 16 or 32 or 64
                    ? Unused(word, Fields.Destination | Fields.Immediate)
                    : $"a byte swap has 16, 32 or 64 bits, not {word.Immediate}";
            case Opcode.Div or Opcode.Mod when word.Offset == 1:
            case Opcode.Mov when fromRegister && (word.Offset is 8 or 16 || (isWide && word.Offset == 32)):
                return Unused(word, Fields.Destination | Fields.Offset | operand);
            default:
                return Unused(word, Fields.Destination | operand);
        }
    }

    private static string? Jump(Instruction word)
    {
        bool isWide = (word.Opcode & Opcode.ClassMask) == Opcode.Jmp, fromRegister = (word.Opcode & Opcode.X) != 0;
        switch (word.Opcode & Opcode.CodeMask)
        {
            case > Opcode.Jsle:
            case Opcode.Ja when fromRegister:
            case Opcode.Call or Opcode.Exit when fromRegister || !isWide:
                return Unknown(word);
            case Opcode.Ja:
                return Unused(word, isWide ? Fields.Offset : Fields.Immediate);
            case Opcode.Exit:
                return Unused(word, Fields.None);
            case Opcode.Call:
                return word.Source switch
                {
                    0 or 1 => Unused(word, Fields.Source | Fields.Immediate),
                    2 => "a call of a helper by BTF id is not supported",
                    _ => $"call has no kind {word.Source}",
                };
            default:
                return Unused(word, Fields.Destination | Fields.Offset | (fromRegister ? Fields.Source : Fields.Immediate));
        }
    }

    private static string Unknown(Instruction word) => $"unknown opcode 0x{word.Opcode:x2}";

    /// <summary>The first field outside of <paramref name="used"/> that is not zero, or a register that there is not.</summary>
    private static string? Unused(Instruction word, Fields used)
    {
        if (word.Destination != 0 && (used & Fields.Destination) == 0)
            return "the unused destination register is not zero";
        if (word.Source != 0 && (used & Fields.Source) == 0)
            return "the unused source register is not zero";
        if (word.Offset != 0 && (used & Fields.Offset) == 0)
            return "the unused offset is not zero";
        if (word.Immediate != 0 && (used & Fields.Immediate) == 0)
            return "the unused immediate is not zero";
        if (word.Destination >= Registers || word.Source >= Registers)
            return $"there is no register r{Math.Max(word.Destination, word.Source)}";
        return null;
    }
}
