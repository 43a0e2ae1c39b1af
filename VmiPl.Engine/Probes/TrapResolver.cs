using System.Collections.Immutable;
using System.Globalization;
using VmiPl.Compilation;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes;

/// <summary>From what the compiler says is to be watched to the places in one running guest. Reads the guest and its registers, and touches nothing.
/// For one use, by one thread.</summary>
internal sealed class TrapResolver(LinuxGuest guest)
{
    private readonly List<string> _notes = [];
    private ImmutableArray<InstructionPlace>? _instructions;
    private IReadOnlyList<VcpuRegisters>? _registers;

    /// <summary>What an operator should know of the places: code that could not be searched, events that can't happen. One sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The privileged instructions that probes need, of all of them.</summary>
    public PrivilegedWrite Kinds { get; private set; }

    /// <summary>Finds the places of all probes. Throws <c>TrapRefused</c> for an event that has none, <c>MonitorUnavailable</c> where registers are
    /// needed and can't be had, and what reading the guest throws.</summary>
    public ImmutableArray<PlacedProbe> Resolve(IReadOnlyCollection<CompiledProbe> probes)
    {
        Kinds = probes.Aggregate(PrivilegedWrite.None, (kinds, probe) => kinds | KindOf(probe.Site));
        return [.. probes.Select(probe => new PlacedProbe(probe, TrapsOf(probe)))];
    }

    /// <summary>The traps that a site wants of privileged instructions that were found.</summary>
    public static IEnumerable<ExecuteTrap> TrapsAt(ProbeSite site, IEnumerable<InstructionPlace> places)
    {
        PrivilegedWrite kind = KindOf(site);
        return places
            .Where(place => place.Kind == kind && (site is not MsrSite { Msr: { } msr } || place.ImmediateMsr is null || place.ImmediateMsr == msr))
            .Select(place => new ExecuteTrap(new NamedAddress(place.Address, place.Module is null ? place.Name : $"{place.Name} [{place.Module}]"), place));
    }

    private static PrivilegedWrite KindOf(ProbeSite site) => site switch
    {
        ControlRegisterSite { Register: 0 } => PrivilegedWrite.Cr0,
        ControlRegisterSite { Register: 3 } => PrivilegedWrite.Cr3,
        ControlRegisterSite { Register: 4 } => PrivilegedWrite.Cr4,
        ControlRegisterSite { Register: 8 } => PrivilegedWrite.Cr8,
        MsrSite => PrivilegedWrite.Msr,
        DescriptorRegisterSite { IsInterruptTable: true } => PrivilegedWrite.Idtr,
        DescriptorRegisterSite => PrivilegedWrite.Gdtr,
        _ => PrivilegedWrite.None,
    };

    private ImmutableArray<Trap> TrapsOf(CompiledProbe probe) => probe.Site switch
    {
        ExecuteSite execute => [.. execute.Places.Select(place => new ExecuteTrap(place))],
        WatchSite watch => [new WatchTrap(watch.Place, (ulong)watch.Length, watch.OnRead)],
        InterruptSite interrupt => Handlers(interrupt.Vector),
        DescriptorTableSite table => Tables(table.IsInterruptTable),
        ResumeSite or RequestSite => [],
        _ => Instructions(probe),
    };

    private ImmutableArray<Trap> Instructions(CompiledProbe probe)
    {
        if (_instructions is null)
        {
            InstructionSearch found = PrivilegedInstructions.Find(guest, Kinds);
            _instructions = found.Places;
            foreach (UnsearchedText text in found.Unsearched)
                _notes.Add($"Code of {(text.Module is null ? "the kernel" : $"module '{text.Module}'")} at {text.Place} could not be searched for privileged instructions: {text.Reason}");
        }
        ImmutableArray<Trap> traps = [.. TrapsAt(probe.Site, _instructions.Value)];
        if (traps.IsEmpty)
            _notes.Add($"{probe.Probe.EventName}, probe {probe.Probe.Id}: neither this guest's kernel nor its modules have an instruction for that event now; modules that are loaded later are looked at.");
        return traps;
    }

    /// <summary>The handlers of a vector: one, unless vCPUs have different tables.</summary>
    private ImmutableArray<Trap> Handlers(int vector)
    {
        AddressSpace kernel = guest.OpenKernelSpace();
        var handlers = new SortedSet<ulong>();
        foreach (VcpuRegisters registers in Registers())
        {
            InterruptGate gate = InterruptGates.Read(kernel, registers.IdtBase, registers.IdtLimit, vector);
            if (gate.Handler != 0)
                handlers.Add(gate.Handler);
        }
        if (handlers.Count == 0)
            throw new VmiException(VmiErrorCode.TrapRefused, $"The interrupt descriptor table of '{guest.Machine.Name}' has no handler for vector {vector}.", vector.ToString(CultureInfo.InvariantCulture));
        return [.. handlers.Select(handler => new ExecuteTrap(new NamedAddress(handler, NameOf(handler))))];
    }

    /// <summary>All ways to the tables of all vCPUs.</summary>
    private ImmutableArray<Trap> Tables(bool isInterruptTable)
    {
        var traps = new List<Trap>();
        foreach ((ulong table, int length) in Registers().Select(registers => isInterruptTable ? (registers.IdtBase, registers.IdtLimit + 1) : (registers.GdtBase, registers.GdtLimit + 1)).Distinct())
        {
            TableAliasList aliases = TableAliases.Find(guest, table, length);
            if (aliases.Aliases.IsEmpty)
                throw new VmiException(VmiErrorCode.TrapRefused, $"The {(isInterruptTable ? "interrupt" : "global")} descriptor table at 0x{table:x} of '{guest.Machine.Name}' cannot be found in memory.", guest.Machine.Name);
            if (aliases.Problem is { } problem)
                _notes.Add($"Writes to the descriptor table at 0x{table:x} may go unseen: {problem}");
            traps.AddRange(aliases.Aliases.Select(alias => new WatchTrap(new NamedAddress(alias.Address, NameOf(alias.Address)), (ulong)alias.Length, OnRead: false)));
        }
        return [.. traps.Distinct()];
    }

    private IReadOnlyList<VcpuRegisters> Registers() => _registers ??= RegisterReader.Read(guest.Machine);

    private string? NameOf(ulong address) =>
        guest.Profile.Symbols.FindNearest(new GuestVirtualAddress(address)) is { } symbol && symbol.Address == address ? symbol.Name : null;
}
