using Iced.Intel;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Probes.Shim.Sites;

namespace VmiPl.Probes.Shim;

/// <summary>Says whether a vCPU has read memory whose every access is trapped. For the thread that owns the code.</summary>
internal sealed class ReadJudge(GuestCode code)
{
    /// <summary>The answer for a vCPU right behind its access to <paramref name="length"/> bytes at <paramref name="address"/>. What cannot be told counts as
    /// read.</summary>
    public AbiAnswer Answer(ShimVcpu vcpu, ulong address, ulong length)
    {
        ulong rip = vcpu.InstructionPointer;
        if (rip == 0 || code.FunctionOf(rip - 1) is not { } function || rip - function.Start > GuestCode.MaxFunctionBytes)
            return AbiAnswer.Yes;
        byte[] bytes = new byte[(int)(rip - function.Start)];
        if (code.Read(function.Start, bytes) != bytes.Length)
            return AbiAnswer.Yes;
        bool? Touched(MemoryTouch touch) => MemoryAccesses.Touched(bytes, function.Start, code.Mode, vcpu.Moment, address, length, touch);
        bool? reads = Touched(MemoryTouch.Read);
        AbiAnswer answer = reads == false ? 0 : AbiAnswer.Yes;
        // One that is certain, and of an instruction that does nothing else to memory, holds for every time.
        OpAccess? only = OnlyAccess(function, rip);
        bool isFinal = only == OpAccess.Read ? reads == true : only == OpAccess.Write && reads == false && Touched(MemoryTouch.Write) == true;
        return isFinal ? answer | AbiAnswer.Always : answer;
    }

    private OpAccess? OnlyAccess(CodeFunction function, ulong rip)
    {
        CodeInstruction? last = code.Decode(function).FirstOrDefault(instruction => instruction.End == rip);
        if (last is null || last.IsImmediateMsr)
            return null;
        UsedMemory[] used = [.. new InstructionInfoFactory().GetInfo(last.Decoded).GetUsedMemory()];
        return used.Length == 1 ? used[0].Access : null;
    }
}
