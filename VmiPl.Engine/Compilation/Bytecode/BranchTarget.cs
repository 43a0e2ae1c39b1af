namespace VmiPl.Compilation.Bytecode;

/// <summary>Where jumps and program-local calls go (RFC 9669 §4.3).</summary>
internal static class BranchTarget
{
    /// <summary>The index of the instruction that a well-formed jump or program-local call at <paramref name="index"/> names: it
    /// may lie outside of any code. False for an instruction that names none.</summary>
    public static bool TryGet(Instruction word, int index, out long target)
    {
        int kind = word.Opcode & Opcode.ClassMask, code = word.Opcode & Opcode.CodeMask;
        bool isBranch = kind is Opcode.Jmp or Opcode.Jmp32 && code != Opcode.Exit && (code != Opcode.Call || word.Source == 1);
        bool byImmediate = code == Opcode.Call || (kind == Opcode.Jmp32 && code == Opcode.Ja);
        // Counted from the instruction behind this one.
        target = isBranch ? index + 1L + (byImmediate ? word.Immediate : word.Offset) : 0;
        return isBranch;
    }
}
