using Iced.Intel;

namespace VmiPl.Probes.Placement;

/// <summary>What a driver has to know of one instruction: its length in bytes; whether it does nothing, so that adding its length to RIP is as good
/// as running it (nop of any length, <c>endbr</c>); whether it is a string instruction with a repeat prefix, which can stop in its midst with
/// RIP still on it.</summary>
public readonly record struct InstructionFacts(int Length, bool IsNop, bool IsRepeated)
{
    /// <summary>Decodes the instruction at the start of <paramref name="code"/>; 15 bytes are enough for any. Null where there is none, or not
    /// all of it.</summary>
    public static InstructionFacts? Of(ReadOnlySpan<byte> code, CodeMode mode)
    {
        const int MaxLength = 15;
        if (mode == CodeMode.Bits64 && ImmediateMsr.TryDecode(code, out _))
            return new InstructionFacts(ImmediateMsr.Length, false, false);
        Decoder decoder = Decoder.Create((int)mode, new ByteArrayCodeReader(code[..Math.Min(code.Length, MaxLength)].ToArray()));
        decoder.Decode(out Instruction instruction);
        if (instruction.IsInvalid)
            return null;
        return new InstructionFacts(
            instruction.Length, instruction.Mnemonic is Mnemonic.Nop or Mnemonic.Endbr64 or Mnemonic.Endbr32, Repeats(instruction));
    }

    internal static bool Repeats(in Instruction instruction) =>
        instruction.IsStringInstruction && (instruction.HasRepPrefix || instruction.HasRepnePrefix);
}
