using System.Collections.Immutable;
using VmiPl.Language.Model;

namespace VmiPl.Compilation.Bytecode;

/// <summary>Writes a program instruction by instruction, with labels for jumps and calls. One program, one thread.</summary>
internal sealed class ProgramBuilder
{
    private readonly List<Instruction> _code = [];
    private readonly List<int> _labels = [];
    private readonly List<(int At, int Label)> _references = [];
    private ulong _registers;

    /// <summary>Instruction words so far.</summary>
    public int Length => _code.Count;

    /// <summary>A new label, to be marked once.</summary>
    public int NewLabel()
    {
        _labels.Add(-1);
        return _labels.Count - 1;
    }

    /// <summary>Puts a label before the next instruction.</summary>
    public void Mark(int label) => _labels[label] = _code.Count;

    /// <summary>Sets a register to a 64-bit value, in one word where its sign extension does.</summary>
    public void Move(ProgramRegister target, ulong value)
    {
        if ((long)value == (int)value)
        {
            Emit(Opcode.Alu64 | Opcode.Mov | Opcode.K, target, 0, 0, (int)value);
            return;
        }
        Emit(Opcode.LoadImmediate64, target, 0, 0, (int)value);
        Emit(0, 0, 0, 0, (int)(value >> 32));
    }

    public void Move(ProgramRegister target, ProgramRegister source) => Emit(Opcode.Alu64 | Opcode.Mov | Opcode.X, target, source, 0, 0);

    /// <summary>Zero-extends the lower half.</summary>
    public void TakeLowerHalf(ProgramRegister target) => Emit(Opcode.Alu | Opcode.Mov | Opcode.X, target, target, 0, 0);

    /// <summary>64-bit arithmetic with an immediate, which is sign-extended.</summary>
    public void Do(byte operation, ProgramRegister target, int value) => Emit((byte)(Opcode.Alu64 | operation | Opcode.K), target, 0, 0, value);

    /// <summary>64-bit arithmetic with a register.</summary>
    public void Do(byte operation, ProgramRegister target, ProgramRegister source) => Emit((byte)(Opcode.Alu64 | operation | Opcode.X), target, source, 0, 0);

    /// <summary>Loads <paramref name="size"/> bytes (1, 2, 4, 8), zero-extended.</summary>
    public void Load(ProgramRegister target, ProgramRegister from, int offset, int size) =>
        Emit((byte)(Opcode.Ldx | Opcode.Mem | SizeOf(size)), target, from, checked((short)offset), 0);

    public void Store(ProgramRegister to, int offset, ProgramRegister source, int size) =>
        Emit((byte)(Opcode.Stx | Opcode.Mem | SizeOf(size)), to, source, checked((short)offset), 0);

    /// <summary>Stores an immediate, sign-extended to the size.</summary>
    public void Store(ProgramRegister to, int offset, int value, int size) =>
        Emit((byte)(Opcode.St | Opcode.Mem | SizeOf(size)), to, 0, checked((short)offset), value);

    public void Jump(int label)
    {
        // gotol reaches any place of a program.
        _references.Add((_code.Count, label));
        Emit(Opcode.Jmp32 | Opcode.Ja, 0, 0, 0, 0);
    }

    /// <summary>Jumps where the 64-bit comparison with an immediate, sign-extended, holds.</summary>
    public void JumpIf(byte comparison, ProgramRegister left, int right, int label)
    {
        _references.Add((_code.Count, label));
        Emit((byte)(Opcode.Jmp | comparison | Opcode.K), left, 0, 0, right);
    }

    public void JumpIf(byte comparison, ProgramRegister left, ProgramRegister right, int label)
    {
        _references.Add((_code.Count, label));
        Emit((byte)(Opcode.Jmp | comparison | Opcode.X), left, right, 0, 0);
    }

    public void Call(Helper helper) => Emit(Opcode.Jmp | Opcode.Call, 0, 0, 0, (int)helper);

    /// <summary>Asks for a vCPU register: r0 is its value. Takes r1.</summary>
    public void ReadRegister(GuestRegister register)
    {
        _registers |= 1UL << (int)register;
        Move(ProgramRegister.R1, (ulong)register);
        Call(Helper.ReadRegister);
    }

    /// <summary>Calls a function of the program itself.</summary>
    public void CallLocal(int label)
    {
        _references.Add((_code.Count, label));
        Emit(Opcode.Jmp | Opcode.Call, 0, (ProgramRegister)1, 0, 0);
    }

    public void Exit() => Emit(Opcode.Jmp | Opcode.Exit, 0, 0, 0, 0);

    /// <summary>The program, or null where it is longer than a program may be or a jump reaches too far.</summary>
    public ProbeProgram? Build(int scratchBytes, int instructionBudget, int schemaCount)
    {
        if (_code.Count > ProbeProgram.MaxInstructions || scratchBytes > ProbeProgram.MaxScratchBytes)
            return null;
        foreach ((int at, int label) in _references)
        {
            int distance = _labels[label] - at - 1;
            Instruction instruction = _code[at];
            // A call and gotol have their distance in the immediate, a conditional jump in its 16-bit offset.
            if (instruction.Opcode is (Opcode.Jmp | Opcode.Call) or (Opcode.Jmp32 | Opcode.Ja))
                _code[at] = instruction with { Immediate = distance };
            else if (distance == (short)distance)
                _code[at] = instruction with { Offset = (short)distance };
            else
                return null;
        }
        return new ProbeProgram
        {
            Code = [.. _code], ScratchBytes = scratchBytes, InstructionBudget = instructionBudget, Registers = _registers, SchemaCount = schemaCount,
        };
    }

    private static byte SizeOf(int bytes) => bytes switch
    {
        1 => Opcode.B,
        2 => Opcode.H,
        4 => Opcode.W,
        _ => Opcode.Dw,
    };

    private void Emit(byte opcode, ProgramRegister target, ProgramRegister source, short offset, int immediate) =>
        _code.Add(new Instruction(opcode, (byte)target, (byte)source, offset, immediate));
}
