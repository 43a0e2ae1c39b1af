using System.Buffers.Binary;
using Iced.Intel;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Probes.Shim.Sites;

/// <summary>How an instruction whose bytes are ours is executed all the same. Registers by the architecture's numbers, <paramref name="Width"/> in bytes.</summary>
internal readonly record struct DisplacedInstruction(AbiResume Resume, byte Source = 0, byte Target = 0, byte Width = 0, int Displacement = 0)
{
    /// <summary>Finds the way for an instruction. Null with the reason where there is none.</summary>
    public static DisplacedInstruction? Of(CodeInstruction instruction, CodeMode mode, bool canStep, out string reason)
    {
        reason = "";
        if (instruction.IsNop || instruction.IsEndbr)
            return new DisplacedInstruction(AbiResume.Skip);
        if (!instruction.IsImmediateMsr && Simple(instruction.Decoded, mode) is { } simple)
            return simple;
        reason = WhyNotCopied(instruction) ?? (canStep ? "" : "this host's KVM cannot step a vCPU without interrupts (it can from Linux 5.15 on)");
        return reason.Length == 0 ? new DisplacedInstruction(AbiResume.Step) : null;
    }

    /// <summary>The instruction's bytes as they do the same at another address; null where its operand cannot be reached from there.</summary>
    public static byte[]? CopyFor(CodeInstruction instruction, CodeMode mode, ulong address)
    {
        byte[] copy = [.. instruction.Bytes];
        if (instruction.IsImmediateMsr || !instruction.Decoded.IsIPRelativeMemoryOperand)
            return copy;
        Decoder decoder = Decoder.Create((int)mode, new ByteArrayCodeReader(copy));
        decoder.IP = instruction.Address;
        decoder.Decode(out Instruction decoded);
        ConstantOffsets offsets = decoder.GetConstantOffsets(decoded);
        long distance = (long)(decoded.IPRelativeMemoryAddress - (address + (ulong)copy.Length));
        if (!offsets.HasDisplacement || offsets.DisplacementSize != sizeof(int) || distance != (int)distance)
            return null;
        BinaryPrimitives.WriteInt32LittleEndian(copy.AsSpan(offsets.DisplacementOffset), (int)distance);
        return copy;
    }

    /// <summary>Whether an instruction may raise a page fault or a general protection fault in a kernel that does nothing wrong: what touches memory other than the
    /// stack, model specific registers, and loads of segments.</summary>
    public static bool MayFault(CodeInstruction instruction)
    {
        if (instruction.IsImmediateMsr)
            return true;
        Instruction decoded = instruction.Decoded;
        if (decoded.Mnemonic is Mnemonic.Lidt or Mnemonic.Lgdt or Mnemonic.Lea)
            return false;
        if (decoded.Mnemonic is Mnemonic.Wrmsr or Mnemonic.Wrmsrns or Mnemonic.Wrmsrlist or Mnemonic.Rdmsr or Mnemonic.Rdmsrlist or Mnemonic.Rdpmc or Mnemonic.Xsetbv or Mnemonic.Ltr or Mnemonic.Lldt)
            return true;
        bool loadsSegment = decoded.Op0Kind == OpKind.Register && decoded.Op0Register.IsSegmentRegister();
        bool hasMemory = Enumerable.Range(0, decoded.OpCount).Any(i => decoded.GetOpKind(i) is OpKind.Memory or (>= OpKind.MemorySegSI and <= OpKind.MemoryESRDI));
        return loadsSegment || hasMemory;
    }

    private static DisplacedInstruction? Simple(in Instruction instruction, CodeMode mode)
    {
        bool is64Bit = mode == CodeMode.Bits64;
        switch (instruction.Code)
        {
            case Code.Push_r64 when is64Bit:
                return new DisplacedInstruction(AbiResume.Push, Number(instruction.Op0Register), Width: 8);
            case Code.Mov_r64_rm64 or Code.Mov_rm64_r64 or Code.Mov_r32_rm32 or Code.Mov_rm32_r32 when instruction.Op0Kind == OpKind.Register && instruction.Op1Kind == OpKind.Register:
                return new DisplacedInstruction(AbiResume.Move, Number(instruction.Op1Register), Number(instruction.Op0Register), (byte)instruction.Op0Register.GetSize());
            // With 32 bits an address wraps where a sum of 64 does not.
            case Code.Mov_r64_rm64 or Code.Mov_r32_rm32 when is64Bit && instruction.Op1Kind == OpKind.Memory && IsPlain(instruction):
                return new DisplacedInstruction(
                    AbiResume.Load, Number(instruction.MemoryBase), Number(instruction.Op0Register), (byte)instruction.Op0Register.GetSize(), (int)instruction.MemoryDisplacement64);
            default:
                return null;
        }
    }

    private static bool IsPlain(in Instruction instruction) =>
        instruction.SegmentPrefix == Register.None && instruction.MemoryIndex == Register.None && instruction.MemoryBase.IsGPR64();

    private static byte Number(Register register) => (byte)(register.GetFullRegister() - Register.RAX);

    private static string? WhyNotCopied(CodeInstruction instruction)
    {
        if (instruction.IsImmediateMsr)
            return null;
        Instruction decoded = instruction.Decoded;
        if (decoded.FlowControl != FlowControl.Next)
            return "it leads elsewhere than to the next instruction";
        if (InstructionFacts.Repeats(decoded))
            return "it is repeated, and may stop in its midst";
        bool setsStack = decoded.Op0Kind == OpKind.Register && decoded.Op0Register == Register.SS;
        return decoded.Mnemonic switch
        {
            Mnemonic.Popf or Mnemonic.Popfd or Mnemonic.Popfq or Mnemonic.Pushf or Mnemonic.Pushfd or Mnemonic.Pushfq or Mnemonic.Sti or Mnemonic.Cli => "it deals with the flag by which it would be stepped, or that of interrupts",
            Mnemonic.Mov or Mnemonic.Pop when setsStack => "it loads SS, behind which no step ends",
            Mnemonic.Lss => "it loads SS, behind which no step ends",
            Mnemonic.Hlt or Mnemonic.Mwait or Mnemonic.Mwaitx or Mnemonic.Monitor or Mnemonic.Monitorx or Mnemonic.Umwait or Mnemonic.Tpause => "it halts",
            Mnemonic.In or Mnemonic.Out or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd => "it is a port's itself",
            Mnemonic.Vmxoff or Mnemonic.Vmxon or Mnemonic.Skinit or Mnemonic.Getsec => "it leaves the guest",
            _ => null,
        };
    }
}
