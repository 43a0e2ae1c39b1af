namespace VmiPl.Compilation.Bytecode;

/// <summary>Shows instructions to people, much as the Linux kernel's own listing does (kernel/bpf/disasm.c): <c>r1</c> is the whole
/// register and <c>w1</c> its low half, <c>s&gt;</c> compares signed numbers, jumps name the index of their target. A word that is
/// no instruction of the probe machine is shown as <c>.word</c>; nothing is ever refused.</summary>
public static class Disassembler
{
    /// <summary>One line per instruction with its index in front; <c>lddw</c>, of two words, has one line.</summary>
    public static IReadOnlyList<string> Lines(ReadOnlySpan<Instruction> code)
    {
        var lines = new List<string>(code.Length);
        int digits = $"{Math.Max(code.Length - 1, 0)}".Length;
        for (int i = 0; i < code.Length; i += Words(code, i))
            lines.Add($"{i.ToString().PadLeft(digits)}: {Text(code, i)}");
        return lines;
    }

    /// <summary>The instruction at that index, without the index.</summary>
    public static string Text(ReadOnlySpan<Instruction> code, int index)
    {
        Instruction word = code[index];
        if (InstructionForm.Problem(word) is not null || (word.Opcode == Opcode.LoadImmediate64 && Words(code, index) == 1))
            return Raw(word);
        return (word.Opcode & Opcode.ClassMask) switch
        {
            Opcode.Ld => $"r{word.Destination} = 0x{((ulong)(uint)code[index + 1].Immediate << 32) | (uint)word.Immediate:x} ll",
            Opcode.Ldx => $"r{word.Destination} = {Memory(word, word.Source)}",
            Opcode.St => $"{Memory(word, word.Destination)} = {word.Immediate}",
            Opcode.Stx => $"{Memory(word, word.Destination)} = r{word.Source}",
            Opcode.Jmp or Opcode.Jmp32 => Jump(word, index),
            _ => Arithmetic(word),
        };
    }

    /// <summary>Words of the instruction there: 2 for a complete <c>lddw</c>.</summary>
    private static int Words(ReadOnlySpan<Instruction> code, int index) =>
        code[index].Opcode == Opcode.LoadImmediate64 && InstructionForm.Problem(code[index]) is null
        && index + 1 < code.Length && code[index + 1] is { Opcode: 0, Destination: 0, Source: 0, Offset: 0 } ? 2 : 1;

    private static string Arithmetic(Instruction word)
    {
        char kind = (word.Opcode & Opcode.ClassMask) == Opcode.Alu64 ? 'r' : 'w';
        string to = $"{kind}{word.Destination}";
        string from = (word.Opcode & Opcode.X) != 0 ? $"{kind}{word.Source}" : $"{word.Immediate}";
        string signed = word.Offset == 1 ? "s" : "";
        return (word.Opcode & Opcode.CodeMask) switch
        {
            Opcode.Add => $"{to} += {from}",
            Opcode.Sub => $"{to} -= {from}",
            Opcode.Mul => $"{to} *= {from}",
            Opcode.Div => $"{to} {signed}/= {from}",
            Opcode.Or => $"{to} |= {from}",
            Opcode.And => $"{to} &= {from}",
            Opcode.Lsh => $"{to} <<= {from}",
            Opcode.Rsh => $"{to} >>= {from}",
            Opcode.Neg => $"{to} = -{to}",
            Opcode.Mod => $"{to} {signed}%= {from}",
            Opcode.Xor => $"{to} ^= {from}",
            Opcode.Mov => word.Offset == 0 ? $"{to} = {from}" : $"{to} = (s{word.Offset}){from}",
            Opcode.Arsh => $"{to} s>>= {from}",
            // Byte swaps take the whole register and leave the rest of it zero, whatever their class.
            _ => $"r{word.Destination} = {Swap(word)}{word.Immediate} r{word.Destination}",
        };
    }

    private static string Swap(Instruction word) => word.Opcode switch
    {
        Opcode.Alu | Opcode.End | Opcode.K => "le",
        Opcode.Alu | Opcode.End | Opcode.X => "be",
        _ => "bswap",
    };

    private static string Jump(Instruction word, int index)
    {
        BranchTarget.TryGet(word, index, out long target);
        switch (word.Opcode & Opcode.CodeMask)
        {
            case Opcode.Exit:
                return "exit";
            case Opcode.Call:
                return word.Source == 1 ? $"call {target}" : Helper(word.Immediate);
            case Opcode.Ja:
                return (word.Opcode & Opcode.ClassMask) == Opcode.Jmp32 ? $"gotol {target}" : $"goto {target}";
        }
        char kind = (word.Opcode & Opcode.ClassMask) == Opcode.Jmp ? 'r' : 'w';
        string right = (word.Opcode & Opcode.X) != 0 ? $"{kind}{word.Source}" : $"{word.Immediate}";
        return $"if {kind}{word.Destination} {Comparison(word)} {right} goto {target}";
    }

    private static string Comparison(Instruction word) => (word.Opcode & Opcode.CodeMask) switch
    {
        Opcode.Jeq => "==",
        Opcode.Jgt => ">",
        Opcode.Jge => ">=",
        Opcode.Jset => "&",
        Opcode.Jne => "!=",
        Opcode.Jsgt => "s>",
        Opcode.Jsge => "s>=",
        Opcode.Jlt => "<",
        Opcode.Jle => "<=",
        Opcode.Jslt => "s<",
        _ => "s<=",
    };

    private static string Helper(int id) => HelperSignature.TryGet(id, out HelperSignature helper)
        ? $"r0 = {helper.Name}({string.Join(", ", Enumerable.Range(1, helper.Arguments).Select(r => $"r{r}"))})"
        : $"r0 = helper_{(uint)id}()";

    private static string Memory(Instruction word, int register)
    {
        char sign = (word.Opcode & Opcode.ModeMask) == Opcode.MemSx ? 's' : 'u';
        return $"*({sign}{Opcode.SizeInBytes(word.Opcode) * 8} *)(r{register} {(word.Offset < 0 ? '-' : '+')} {Math.Abs((int)word.Offset)})";
    }

    private static string Raw(Instruction word)
    {
        Span<byte> bytes = stackalloc byte[Instruction.Size];
        word.Write(bytes);
        return $".word 0x{System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes):x16}";
    }
}
