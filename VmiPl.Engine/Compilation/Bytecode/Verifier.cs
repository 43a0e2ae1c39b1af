using System.Collections.Immutable;

namespace VmiPl.Compilation.Bytecode;

/// <summary>Checks a program when it is loaded. A program that passes can do nothing but what the probe machine has: known
/// instructions and helpers, jumps to instructions of its own, no write to r10. Whether an address lies in program memory and
/// whether a run ends is seen while it runs. Pure; safe from any thread.</summary>
public static class Verifier
{
    /// <summary>The first problem of the program, such as <c>instruction 12: unknown opcode 0xff</c> or
    /// <c>program: the code is empty</c>; null for a program that may run.</summary>
    public static string? FindProblem(ProbeProgram program)
    {
        if (ProblemOfLimits(program) is { } limit)
            return $"program: {limit}";
        ImmutableArray<Instruction> code = program.Code;
        bool[] isSecondWord = new bool[code.Length];
        for (int i = 0; i < code.Length; i++)
        {
            if ((InstructionForm.Problem(code[i]) ?? ProblemOfRegisters(code[i])) is { } problem)
                return At(i, problem);
            if (code[i].Opcode != Opcode.LoadImmediate64)
                continue;
            if (i + 1 == code.Length)
                return At(i, "lddw is cut off by the end of the code");
            if (code[i + 1] is not { Opcode: 0, Destination: 0, Source: 0, Offset: 0 })
                return At(i, "the second word of lddw holds more than an immediate");
            isSecondWord[++i] = true;
        }
        for (int i = 0; i < code.Length; i++)
        {
            if (!isSecondWord[i] && ProblemOfFlow(code, isSecondWord, i) is { } problem)
                return At(i, problem);
        }
        return null;
    }

    private static string At(int index, string problem) => $"instruction {index}: {problem}";

    private static string? ProblemOfLimits(ProbeProgram program)
    {
        if (program.Code.IsDefaultOrEmpty)
            return "the code is empty";
        if (program.Code.Length > ProbeProgram.MaxInstructions)
            return $"the code has {program.Code.Length} instruction words; {ProbeProgram.MaxInstructions} are allowed";
        if (program.ScratchBytes is < 0 or > ProbeProgram.MaxScratchBytes)
            return $"a scratch buffer of {program.ScratchBytes} bytes; 0 to {ProbeProgram.MaxScratchBytes} are allowed";
        if (program.InstructionBudget <= 0)
            return $"an instruction budget of {program.InstructionBudget}; it must be positive";
        if (program.SchemaCount < 0)
            return $"{program.SchemaCount} schemas; there cannot be fewer than none";
        return null;
    }

    /// <summary>Writes to r10, and accesses through it that leave the frame: the one address that is known without a run.</summary>
    private static string? ProblemOfRegisters(Instruction word)
    {
        const int frame = InstructionForm.Registers - 1;
        int kind = word.Opcode & Opcode.ClassMask;
        if (kind is Opcode.Alu or Opcode.Alu64 or Opcode.Ld or Opcode.Ldx && word.Destination == frame)
            return "r10 cannot be written";
        bool throughFrame = kind == Opcode.Ldx ? word.Source == frame : kind is Opcode.St or Opcode.Stx && word.Destination == frame;
        if (throughFrame && (word.Offset < -ProbeProgram.FrameBytes || word.Offset + Opcode.SizeInBytes(word.Opcode) > 0))
            return $"r10 {word.Offset:+ 0;- 0} with {Opcode.SizeInBytes(word.Opcode)} bytes lies outside of the frame";
        return null;
    }

    /// <summary>Where the instruction can go on, and what it calls.</summary>
    private static string? ProblemOfFlow(ImmutableArray<Instruction> code, bool[] isSecondWord, int index)
    {
        Instruction word = code[index];
        if (BranchTarget.TryGet(word, index, out long target))
        {
            if (target < 0 || target >= code.Length)
                return $"its target {target} lies outside of the code";
            if (isSecondWord[target])
                return $"its target {target} is the second word of lddw";
        }
        else if (word.Opcode == (Opcode.Jmp | Opcode.Call) && !HelperSignature.TryGet(word.Immediate, out _))
        {
            return $"there is no helper {word.Immediate}";
        }
        int next = index + (word.Opcode == Opcode.LoadImmediate64 ? 2 : 1);
        bool goesOn = word.Opcode is not ((Opcode.Jmp | Opcode.Exit) or (Opcode.Jmp | Opcode.Ja) or (Opcode.Jmp32 | Opcode.Ja));
        return goesOn && next == code.Length ? "the code can be left at its end" : null;
    }
}
