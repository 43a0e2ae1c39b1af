using Iced.Intel;
using VmiPl.Language.Model;

namespace VmiPl.Probes.Placement;

/// <summary>Tells what the instruction before a vCPU's RIP did to memory: a watchpoint traps behind the access, and some report reads and writes
/// alike. Nothing is guessed: what is not certain is null. Stateless; safe from any thread.</summary>
public static class MemoryAccesses
{
    private const ulong DirectionFlag = 1 << 10;

    /// <summary>Whether the instruction that ends at RIP touched any of <paramref name="length"/> bytes at guest-virtual <paramref name="address"/>
    /// in one of the ways of <paramref name="touch"/>. Null where that cannot be told: no instruction that runs on to the next is known to end
    /// there, or it changed a register that its operand's address was made of, in a way that cannot be taken back.
    /// <para><paramref name="code"/> are the bytes from <paramref name="start"/> on, where an instruction begins for certain (the start of the
    /// function), up to RIP or further. That the vCPU came from that instruction, and not by a jump to RIP, is for the caller to know.</para></summary>
    public static bool? Touched(ReadOnlySpan<byte> code, ulong start, CodeMode mode, in VcpuMoment vcpu, ulong address, ulong length, MemoryTouch touch)
    {
        if (!TryFindBefore(code, start, mode, vcpu.Rip, out Instruction instruction))
            return null;
        // Behind a call stands what its return ran on to; behind a jump, what another one led to.
        if (instruction.FlowControl is not (FlowControl.Next or FlowControl.ConditionalBranch))
            return null;
        bool? result = false;
        var factory = new InstructionInfoFactory();
        InstructionInfo info = factory.GetInfo(instruction);
        foreach (UsedMemory memory in info.GetUsedMemory())
        {
            (MemoryTouch certain, MemoryTouch possible) = TouchOf(memory.Access);
            if ((possible & touch) == 0)
                continue;
            // How often a repeated one ran, if at all, is not known any more.
            bool? hit = InstructionFacts.Repeats(instruction) ? null : Hits(instruction, memory, info, mode, vcpu, address, length);
            if (hit == true && (certain & touch) != 0)
                return true;
            if (hit != false)
                result = null;
        }
        return result;
    }

    private static bool TryFindBefore(ReadOnlySpan<byte> code, ulong start, CodeMode mode, ulong rip, out Instruction instruction)
    {
        instruction = default;
        if (rip <= start || rip - start > (ulong)code.Length)
            return false;
        int length = (int)(rip - start);
        var reader = new ByteArrayCodeReader(code[..length].ToArray());
        Decoder decoder = Decoder.Create((int)mode, reader);
        decoder.IP = start;
        for (int at = 0; at < length;)
        {
            decoder.Decode(out instruction);
            int bytes = instruction.Length;
            if (instruction.IsInvalid)
            {
                if (mode != CodeMode.Bits64 || !ImmediateMsr.TryDecode(code[at..length], out _))
                    return false;
                // Moves no memory, as a nop does.
                instruction = Instruction.Create(Code.Nopd);
                bytes = ImmediateMsr.Length;
                reader.Position = at + bytes;
                decoder.IP = start + (ulong)(at + bytes);
            }
            at += bytes;
        }
        return true;
    }

    /// <summary>What an access does for certain, and what it may do.</summary>
    private static (MemoryTouch Certain, MemoryTouch Possible) TouchOf(OpAccess access) => access switch
    {
        OpAccess.Read => (MemoryTouch.Read, MemoryTouch.Read),
        OpAccess.CondRead => (MemoryTouch.None, MemoryTouch.Read),
        OpAccess.Write => (MemoryTouch.Write, MemoryTouch.Write),
        OpAccess.CondWrite => (MemoryTouch.None, MemoryTouch.Write),
        OpAccess.ReadWrite => (MemoryTouch.Read | MemoryTouch.Write, MemoryTouch.Read | MemoryTouch.Write),
        OpAccess.ReadCondWrite => (MemoryTouch.Read, MemoryTouch.Read | MemoryTouch.Write),
        _ => (MemoryTouch.None, MemoryTouch.None),
    };

    private static bool? Hits(
        in Instruction instruction, in UsedMemory memory, in InstructionInfo info, CodeMode mode, in VcpuMoment after, ulong address, ulong length)
    {
        int size = memory.MemorySize.GetSize();
        if (size == 0 || memory.VsibSize != 0)
            return null;
        Instruction executed = instruction;
        InstructionInfo effects = info;
        VcpuMoment moment = after;
        if (!memory.TryGetVirtualAddress(0, out ulong at, Before))
            return null;
        ulong mask = mode == CodeMode.Bits64 ? ulong.MaxValue : uint.MaxValue;
        // Either begins within the other; differences wrap as addresses do.
        return ((address - at) & mask) < (ulong)size || ((at - address) & mask) < length;

        bool Before(Register register, int elementIndex, int elementSize, out ulong value)
        {
            value = register switch
            {
                Register.FS => moment.FsBase,
                Register.GS => moment.GsBase,
                _ => 0,
            };
            if (register.IsSegmentRegister())
                return true;
            if (DecodedRegisters.General(register) is not { } general || !TryUndo(executed, effects, register, moment, out ulong change))
                return false;
            value = (moment.Register(general) - change) & Mask(register.GetSize());
            return true;
        }
    }

    /// <summary>By how much the instruction changed a register; false where that is not known.</summary>
    private static bool TryUndo(in Instruction instruction, in InstructionInfo info, Register register, in VcpuMoment after, out ulong change)
    {
        change = 0;
        Register full = register.GetFullRegister();
        if (!info.GetUsedRegisters().Any(used => used.Register.GetFullRegister() == full && Writes(used.Access)))
            return true;
        if (full == Register.RSP && instruction.IsStackInstruction && instruction.StackPointerIncrement != 0)
        {
            // pop of the stack pointer itself leaves what was popped.
            bool pops = instruction.Op0Kind == OpKind.Register && instruction.Op0Register.GetFullRegister() == Register.RSP && instruction.Mnemonic == Mnemonic.Pop;
            change = (ulong)(long)instruction.StackPointerIncrement;
            return !pops && instruction.Mnemonic != Mnemonic.Enter;
        }
        if (!instruction.IsStringInstruction || full is not (Register.RSI or Register.RDI))
            return false;
        ulong step = (ulong)instruction.MemorySize.GetSize();
        change = (after.Register(GuestRegister.Rflags) & DirectionFlag) == 0 ? step : 0UL - step;
        return step != 0;
    }

    private static bool Writes(OpAccess access) =>
        access is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite;

    private static ulong Mask(int bytes) => bytes >= 8 ? ulong.MaxValue : (1UL << (bytes * 8)) - 1;
}
