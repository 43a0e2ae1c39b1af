using System.Globalization;
using Iced.Intel;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Probes.Shim.Sites;

/// <summary>What decides how instructions can be trapped on one machine.</summary>
/// <param name="Port">The port that traps go to.</param>
/// <param name="CanStep">Whether KVM steps a vCPU without interrupts.</param>
/// <param name="HasLandingPads">Whether the guest uses control-flow enforcement, so that a landing pad is more than a nop.</param>
/// <param name="AreRegistersDear">Whether the host is a virtual machine itself. KVM loads the debug registers at each entry into the guest (arch/x86/kvm/x86.c,
/// <c>vcpu_enter_guest</c>), and the hypervisor below may exit for each of them, or, being an emulator, slow all of the guest's code, or not honour
/// them at all.</param>
internal readonly record struct SiteConditions(byte Port, bool CanStep, bool HasLandingPads, bool AreRegistersDear = false);

/// <summary>Finds how an instruction can be trapped by changing the guest's code: where exactly, and how what stood there is executed. Bytes that the kernel
/// changes itself are left alone. For one thread.</summary>
internal sealed class SiteChooser(GuestCode code, CaveFinder caves, SiteConditions conditions)
{
    private const int PortBytes = 2;

    // The call of ftrace when it is off, and what the kernel makes of a landing pad that it does not use (arch/x86/kernel/alternative.c).
    private static ReadOnlySpan<byte> TraceNop => [0x0f, 0x1f, 0x44, 0x00, 0x00];

    private static ReadOnlySpan<byte> Poison => [0x0f, 0x1f, 0x40, 0xd6];

    /// <summary>Whether <see cref="Choose"/> would find a way, room for a copy given. Takes nothing.</summary>
    public bool CanTrap(ulong address, AbiTrap trap, bool stepsAlways) => Find(address, trap, stepsAlways, out _) is not null;

    /// <summary>Chooses the place for an instruction, and takes a cave where one is needed. Throws <c>TrapRefused</c> with the reason.</summary>
    public AbiSite Choose(NamedAddress place, AbiTrap trap, bool stepsAlways)
    {
        if (Find(place.Address, trap, stepsAlways, out string reason) is not { } found)
            throw Refused(place, trap, reason);
        CodeInstruction instruction = found.Instruction;
        DisplacedInstruction way = found.Way;
        var site = new AbiSite
        {
            Address = instruction.Address, Physical = found.Physical, Trap = trap, Length = (byte)instruction.Bytes.Length, Resume = way.Resume,
            Source = way.Source, Target = way.Target, Width = way.Width, Displacement = way.Displacement,
            Port = trap == AbiTrap.Port ? conditions.Port : (byte)0, Shown = (int)(long)(place.Address - instruction.Address), Pushed = found.Pushed, Original = AbiBytes.Of(instruction.Bytes),
        };
        if (way.Resume is AbiResume.Step or AbiResume.Push or AbiResume.Load)
            AddCave(place, instruction, ref site);
        if (way.Resume == AbiResume.Step && DisplacedInstruction.MayFault(instruction))
            site.Flags = AbiSiteFlag.MayFault;
        return site;
    }

    /// <summary>The error for a place that can't be trapped so.</summary>
    public static VmiException Refused(NamedAddress place, AbiTrap trap, string reason) =>
        new(VmiErrorCode.TrapRefused, $"{place} cannot be trapped by {(trap == AbiTrap.Port ? "a port" : "a breakpoint instruction")}: {reason}.", place.ToString());

    private void AddCave(NamedAddress place, CodeInstruction instruction, ref AbiSite site)
    {
        int length = instruction.Bytes.Length;
        ulong cave = caves.Take(instruction.Address, length)
            ?? throw Refused(place, site.Trap, $"there is no room between functions{(code.IsEntry(instruction.Address) ? " of the entry code" : "")} for a copy of its instruction ({instruction.Text})");
        Span<byte> original = stackalloc byte[AbiNumbers.MaxInstruction];
        byte[]? copy = DisplacedInstruction.CopyFor(instruction, code.Mode, cave);
        if (copy is null || code.Read(cave, original[..length]) != length || code.Physical(cave, length) is not { } physical)
        {
            caves.Release(cave);
            throw Refused(place, site.Trap, $"a copy of its instruction ({instruction.Text}) does not reach its operand");
        }
        (site.Cave, site.CavePhysical, site.CaveLength) = (cave, physical, (byte)length);
        (site.Copy, site.CaveOriginal) = (AbiBytes.Of(copy), AbiBytes.Of(original[..length]));
    }

    private (CodeInstruction Instruction, uint Pushed, DisplacedInstruction Way, ulong Physical)? Find(ulong address, AbiTrap trap, bool stepsAlways, out string reason)
    {
        if (code.Prove(address) is not { } first)
        {
            reason = code.FunctionOf(address) is null ? "it is no code of the kernel or a module" : "no instruction begins there for certain";
            return null;
        }
        var reasons = new List<string>();
        foreach ((CodeInstruction instruction, uint pushed) in Candidates(first, reasons))
        {
            if (WhyNot(instruction, trap, stepsAlways, out DisplacedInstruction way, out ulong physical) is { } why)
            {
                reasons.Add(string.Create(CultureInfo.InvariantCulture, $"{(instruction.Address == address ? "its instruction" : $"the one at 0x{instruction.Address:x}")} ({instruction.Text}): {why}"));
                continue;
            }
            reason = "";
            return (instruction, pushed, way, physical);
        }
        reason = string.Join("; ", reasons);
        return null;
    }

    /// <summary>The instructions that will do for an address, each with the bytes that are on the stack before it and were not at the address: where a function
    /// begins, that behind its landing pad and its call of ftrace is met exactly as often, unless something jumps there; and so is what stands behind
    /// pushes of one byte, for which a port trap has no room.</summary>
    private IEnumerable<(CodeInstruction Instruction, uint Pushed)> Candidates(CodeInstruction first, List<string> reasons)
    {
        if (code.FunctionOf(first.Address) is not { } function || function.Start != first.Address)
        {
            yield return (first, 0);
            yield break;
        }
        CodeInstruction[] instructions = [.. code.Decode(function)];
        int body = BodyOf(instructions, out bool isTraced);
        uint pushed = 0;
        for (int i = body; i < instructions.Length; i++)
        {
            if (i > 0 && IsJumpedTo(instructions, instructions[i].Address))
            {
                reasons.Add("behind its first instructions begins a loop");
                break;
            }
            yield return (instructions[i], pushed);
            if (code.Mode != CodeMode.Bits64 || instructions[i].Bytes.Length != 1 || instructions[i].IsImmediateMsr || instructions[i].Decoded.Code != Code.Push_r64)
                break;
            pushed += sizeof(ulong);
        }
        if (body > 0 && (!isTraced || body > 1))
            yield return (first, 0);
        else if (isTraced)
            reasons.Add($"its instruction ({first.Text}) is ftrace's to change");
    }

    /// <summary>Which instruction of a function stands behind its landing pad and its call of ftrace; 0 where it has neither.</summary>
    private static int BodyOf(CodeInstruction[] instructions, out bool isTraced)
    {
        int body = instructions.Length > 0 && (instructions[0].IsEndbr || instructions[0].Bytes.AsSpan().SequenceEqual(Poison)) ? 1 : 0;
        isTraced = body < instructions.Length && instructions[body].Bytes.AsSpan().SequenceEqual(TraceNop);
        return isTraced ? body + 1 : body;
    }

    private static bool IsJumpedTo(CodeInstruction[] instructions, ulong address) =>
        instructions.Any(instruction => !instruction.IsImmediateMsr && instruction.Decoded.NearBranchTarget == address);

    private string? WhyNot(CodeInstruction instruction, AbiTrap trap, bool stepsAlways, out DisplacedInstruction way, out ulong physical)
    {
        way = default;
        physical = 0;
        int changed = trap == AbiTrap.Port ? PortBytes : 1;
        if (instruction.Bytes.Length < changed)
            return "it has one byte, and a port trap needs two";
        if (instruction.IsSuspect)
            return "the kernel may change it itself (ftrace, a jump label, a static call)";
        if (instruction.IsEndbr && conditions.HasLandingPads)
            return "it is a landing pad of control-flow enforcement";
        if (DisplacedInstruction.Of(instruction, code.Mode, conditions.CanStep, out string reason) is not { } found)
            return reason;
        way = stepsAlways ? new DisplacedInstruction(AbiResume.Step) : found;
        if (code.Physical(instruction.Address, instruction.Bytes.Length) is not { } at)
            return "its page is not mapped, or it crosses into another";
        physical = at;
        return null;
    }
}
