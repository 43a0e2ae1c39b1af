using Iced.Intel;

namespace VmiPl.Probes.Shim.Sites;

/// <summary>Finds room for copies of instructions in the kernel's code: what fills the space between two functions, and is never executed. For one
/// thread.</summary>
internal sealed class CaveFinder(GuestCode code)
{
    // Functions looked at on each side of a site; a kernel has such room behind every second one.
    private const int MaxFunctions = 2048;

    // Code that is as it is against speculation, and code that is copied elsewhere before it runs.
    private static readonly string[] Avoided = ["thunk", "untrain", "retbleed", "srso", "relocate_kernel", "identity_mapped", "swap_pages", "core_restore", "restore_"];

    private readonly Dictionary<ulong, (ulong Start, ulong End)?> _known = [];
    private readonly HashSet<ulong> _taken = [];

    /// <summary>Takes room for <paramref name="length"/> bytes for the site at <paramref name="near"/>: its guest-virtual address, or null where none was found. Beside
    /// entry code it lies in entry code, which is mapped at all times.</summary>
    public ulong? Take(ulong near, int length)
    {
        bool inEntry = code.IsEntry(near);
        foreach (CodeFunction function in code.Beside(near, MaxFunctions))
        {
            if (code.IsEntry(function.Start) != inEntry || !code.IsKernel(function.Start) || _taken.Contains(function.Start))
                continue;
            if (RoomOf(function) is not { } room || room.End - room.Start < (ulong)length || code.Physical(room.Start, length) is null)
                continue;
            _taken.Add(function.Start);
            return room.Start;
        }
        return null;
    }

    /// <summary>Gives room back.</summary>
    public void Release(ulong cave)
    {
        if (code.FunctionOf(cave) is { } function)
            _taken.Remove(function.Start);
    }

    private (ulong Start, ulong End)? RoomOf(CodeFunction function)
    {
        if (!_known.TryGetValue(function.Start, out (ulong, ulong)? room))
            _known.Add(function.Start, room = Find(function));
        return room;
    }

    private (ulong Start, ulong End)? Find(CodeFunction function)
    {
        if (function.End - function.Start >= GuestCode.MaxFunctionBytes || Avoided.Any(word => function.Name.Contains(word, StringComparison.Ordinal)))
            return null;
        CodeInstruction? last = null;
        byte[] padding = [];
        ulong end = function.Start;
        var targets = new List<ulong>();
        foreach (CodeInstruction instruction in code.Decode(function))
        {
            end = instruction.End;
            if (instruction.IsNop || (!instruction.IsImmediateMsr && instruction.Decoded.Mnemonic == Mnemonic.Int3))
            {
                padding = padding.Length == 0 ? instruction.Bytes : padding;
                continue;
            }
            last = instruction;
            padding = [];
            if (!instruction.IsImmediateMsr && instruction.Decoded.NearBranchTarget != 0)
                targets.Add(instruction.Decoded.NearBranchTarget);
        }
        // Decoded to its end, and nothing runs on into the rest: not the last instruction, and no jump.
        if (end != function.End || last is null || padding.Length == 0 || !EndsThere(last))
            return null;
        ulong start = last.End;
        if (targets.Any(target => target >= start && target < end))
            return null;
        // The first int3 behind a return keeps processors from guessing on.
        return padding[0] == 0xcc ? (start + 1, end) : (start, end);
    }

    private static bool EndsThere(CodeInstruction last) => !last.IsImmediateMsr
        && last.Decoded.FlowControl is FlowControl.Return or FlowControl.UnconditionalBranch or FlowControl.IndirectBranch or FlowControl.Exception;
}
