using System.Collections.Immutable;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Probes.Tracking;

namespace VmiPl.Probes.Shim.Sites;

/// <summary>The sites that are in a guest, and how others come to them: all or none. What is trapped in one way stays so as long as it is wanted. For one
/// thread.</summary>
internal sealed class ShimSites
{
    private const int FaultRegisters = 2, PageBytes = 4096;

    private readonly GuestCode _code;
    private readonly CaveFinder _caves;
    private readonly SiteChooser _chooser;
    private readonly TrapKind _kind;
    private readonly bool _areRegistersDear;
    private SitePlan _placed = SitePlan.Empty;
    private uint _nextId;
    // That sites may take.
    private int _registers = AbiNumbers.DebugRegisters;

    /// <summary>Makes it for a guest without sites.</summary>
    public ShimSites(GuestCode code, SiteConditions conditions, TrapKind kind)
    {
        _code = code;
        _caves = new CaveFinder(code);
        _chooser = new SiteChooser(code, _caves, conditions);
        _kind = kind;
        _areRegistersDear = conditions.AreRegistersDear;
    }

    /// <summary>What is in the guest.</summary>
    public SitePlan Placed => _placed;

    /// <summary>The way in which a trap is watched, or null where it is not.</summary>
    public string? WayOf(Trap trap) => _placed.Places.FirstOrDefault(place => place.Key == SiteKey.Of(trap))?.Way;

    /// <summary>The place that needs no debug register, or the first.</summary>
    public NamedAddress Easiest(ImmutableArray<NamedAddress> places) =>
        places.Where(place => _chooser.CanTrap(place.Address, AbiTrap.Port, stepsAlways: false)).Append(places[0]).First();

    /// <summary>Plans the sites for what is wanted, the uses of each in that order. Throws <c>TrapRefused</c> where a probe's cannot be had; the driver's own come
    /// after them, all or none. Nothing is taken for it before <see cref="Commit"/>, and one of <see cref="Commit"/> and
    /// <see cref="Discard"/> follows.</summary>
    public SitePlan Plan(IReadOnlyCollection<TrapUse> wanted, bool modulesToo)
    {
        _code.Refresh(_placed.Changes(), modulesToo);
        TrapUse[] probes = [.. wanted.Where(use => use.Own is null)], own = [.. wanted.Where(use => use.Own is not null)];
        bool hasOwn = true;
        Dictionary<SiteKey, SitePlace> attempt;
        try
        {
            attempt = Attempt([probes, own]);
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused && own.Length > 0)
        {
            hasOwn = false;
            attempt = Attempt([probes]);
        }
        ILookup<SiteKey, TrapUse> uses = (hasOwn ? probes.Concat(own) : probes).ToLookup(use => SiteKey.Of(use.Trap));
        SitePlace[] places = [.. attempt.Values.Select(place => Finish(place, uses[place.Key]))];
        return new SitePlan([.. places], [.. places.Select(place => uses[place.Key].ToImmutableArray())], hasOwn);
    }

    /// <summary>The guest has the sites of that plan now.</summary>
    public void Commit(SitePlan plan)
    {
        SitePlan before = _placed;
        _placed = plan;
        Drop(before.Places);
    }

    /// <summary>The guest has the sites that it had.</summary>
    public void Discard(SitePlan plan) => Drop(plan.Places);

    /// <summary>Places for uses, those of each group before those of the next. With all registers first; a copy that may fault needs two that no site has.</summary>
    private Dictionary<SiteKey, SitePlace> Attempt(IReadOnlyList<TrapUse[]> groups)
    {
        _registers = AbiNumbers.DebugRegisters;
        while (true)
        {
            var attempt = new Dictionary<SiteKey, SitePlace>();
            try
            {
                for (int i = 0; i < groups.Count; i++)
                    Add(groups[i], attempt, groups.Skip(i + 1).SelectMany(later => later).Count(use => use.Trap is ExecuteTrap trap && !CanBePort(trap)));
            }
            catch
            {
                Drop(attempt.Values);
                throw;
            }
            if (FreeRegisters(attempt) + AbiNumbers.DebugRegisters - _registers >= FaultRegisters || !attempt.Values.Any(place => place.Site.Flags.HasFlag(AbiSiteFlag.MayFault)))
                return attempt;
            Drop(attempt.Values);
            _registers = AbiNumbers.DebugRegisters - FaultRegisters;
        }
    }

    /// <summary>Adds a group's places; <paramref name="reserved"/> registers are for those of later groups that have no other way, where this group's can do without.</summary>
    private void Add(IReadOnlyCollection<TrapUse> uses, Dictionary<SiteKey, SitePlace> attempt, int reserved)
    {
        TrapUse[] fresh = [.. uses.DistinctBy(use => SiteKey.Of(use.Trap)).Where(use => !attempt.ContainsKey(SiteKey.Of(use.Trap)))];
        foreach (TrapUse use in fresh.Where(use => use.Trap is WatchTrap))
        {
            var trap = (WatchTrap)use.Trap;
            if (IsPage(trap) && _kind != TrapKind.Hardware)
            {
                attempt.Add(SiteKey.Of(trap), Known(trap) ?? Page(trap));
                continue;
            }
            if (FreeRegisters(attempt) == 0)
                throw NoRegister(trap.Place);
            attempt.Add(SiteKey.Of(trap), Known(trap) ?? Watch(trap));
        }
        // What is trapped in some way stays so, as far as registers are left then for what has no other way.
        List<(ExecuteTrap Trap, bool CanBePort)> open = [];
        foreach (ExecuteTrap trap in fresh.Select(use => use.Trap).OfType<ExecuteTrap>())
        {
            if (Known(trap) is { TakesRegister: false } known)
                attempt.Add(known.Key, known);
            else
                open.Add((trap, _kind == TrapKind.Auto && CanBePort(trap)));
        }
        foreach ((ExecuteTrap trap, bool canBePort) in open.OrderBy(one => one.CanBePort).ThenBy(one => Known(one.Trap) is null))
        {
            int free = FreeRegisters(attempt);
            bool takesRegister = canBePort ? free > reserved && !_areRegistersDear : free > 0;
            attempt.Add(SiteKey.Of(trap), takesRegister && Known(trap) is { } known ? known : Apart(Execute(trap, takesRegister ? free : 0), trap, attempt));
        }
        if (attempt.Count > AbiNumbers.MaxSites)
            throw new VmiException(VmiErrorCode.TrapRefused, $"The probes need {attempt.Count} places, and the shim has {AbiNumbers.MaxSites}.");
    }

    /// <summary>Two traps on one instruction cannot be told apart: a place further on may be another probe's own.</summary>
    private SitePlace Apart(SitePlace place, ExecuteTrap trap, Dictionary<SiteKey, SitePlace> attempt)
    {
        if (attempt.Values.FirstOrDefault(other => other.Key.IsCode && other.Site.Address == place.Site.Address) is not { } other)
            return place;
        Drop([place]);
        throw new VmiException(VmiErrorCode.TrapRefused, $"{trap.Place} and 0x{other.Key.Address:x} would be trapped by the same instruction, at 0x{other.Site.Address:x}.", trap.Place.ToString());
    }

    private SitePlace Execute(ExecuteTrap trap, int free)
    {
        if (_kind == TrapKind.Hardware || (_kind == TrapKind.Auto && free > 0))
            return free > 0 ? Register(trap) : throw NoRegister(trap.Place);
        if (_kind == TrapKind.Software)
            return InCode(trap, AbiTrap.Int3, "breakpoint instruction");
        try
        {
            return InCode(trap, AbiTrap.Port, "port trap");
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused && _kind == TrapKind.Auto)
        {
            throw new VmiException(VmiErrorCode.TrapRefused, $"{NoRegister(trap.Place).Message} {e.Message}", e.Target, e);
        }
    }

    private SitePlace InCode(ExecuteTrap trap, AbiTrap kind, string name)
    {
        AbiSite site = _chooser.Choose(trap.Place, kind, IsAfter(trap));
        site.Id = _nextId++;
        string moved = site.Shown == 0 ? "" : $" {-site.Shown} bytes further on";
        string why = _kind != TrapKind.Auto ? "" : _areRegistersDear ? ", as the host is a virtual machine itself" : ", as no debug register is left";
        return new SitePlace(SiteKey.Of(trap), site, name + moved + why);
    }

    private SitePlace Register(ExecuteTrap trap)
    {
        ulong address = trap.Place.Address;
        Span<byte> bytes = stackalloc byte[AbiNumbers.MaxInstruction - 1];
        bytes = bytes[.._code.Read(address, bytes)];
        InstructionFacts? facts = InstructionFacts.Of(bytes, _code.Mode);
        int length = facts?.Length ?? 1;
        // Behind a landing pad that was passed and not executed the processor goes on waiting for one.
        bool isSkipped = _code.Prove(address) is { IsNop: true };
        var site = new AbiSite
        {
            Address = address, Id = _nextId++, Trap = AbiTrap.Execute, Length = (byte)length, Resume = isSkipped ? AbiResume.Skip : AbiResume.Flag,
            Physical = _code.Physical(address, length) ?? 0, Original = AbiBytes.Of(facts is null ? [] : bytes[..length]),
        };
        return new SitePlace(SiteKey.Of(trap), site, "debug register");
    }

    private SitePlace Watch(WatchTrap trap)
    {
        if (trap.Length is not (1 or 2 or 4 or 8) || trap.Place.Address % trap.Length != 0)
        {
            throw new VmiException(VmiErrorCode.TrapRefused,
                $"{trap.Place} cannot be watched: the CPU has {AbiNumbers.DebugRegisters} debug registers, each for up to 8 bytes, and these are {trap.Length}.", trap.Place.ToString());
        }
        var site = new AbiSite
        {
            Address = trap.Place.Address, Id = _nextId++, Trap = trap.OnRead ? AbiTrap.Access : AbiTrap.Write, Length = (byte)trap.Length, Resume = AbiResume.None,
        };
        return new SitePlace(SiteKey.Of(trap), site, "debug register");
    }

    /// <summary>Whether a trap is more than a debug register holds: a descriptor table. Its page is made read-only for the guest, which sees writes through
    /// every address.</summary>
    public static bool IsPage(WatchTrap trap) => !trap.OnRead && trap.Length > sizeof(ulong);

    private SitePlace Page(WatchTrap trap)
    {
        ulong address = trap.Place.Address;
        if (address % PageBytes + trap.Length > PageBytes || _code.Physical(address, (int)trap.Length) is not { } physical)
            throw new VmiException(VmiErrorCode.TrapRefused, $"{trap.Place} cannot be watched: its {trap.Length} bytes are not in one page of memory.", trap.Place.ToString());
        var site = new AbiSite { Address = address, Physical = physical, Bytes = (uint)trap.Length, Id = _nextId++, Trap = AbiTrap.Page, Resume = AbiResume.None };
        return new SitePlace(SiteKey.Of(trap), site, "read-only page");
    }

    /// <summary>What stands behind an instruction has it stepped, in whichever way it is trapped.</summary>
    private static SitePlace Finish(SitePlace place, IEnumerable<TrapUse> uses)
    {
        if (place.Site.Trap != AbiTrap.Execute || !uses.Any(use => IsAfter(use.Trap)))
            return place;
        AbiSite site = place.Site;
        site.Resume = AbiResume.Step;
        return place with { Site = site };
    }

    private SitePlace? Known(Trap trap) => _placed.Places.FirstOrDefault(place => place.Key == SiteKey.Of(trap));

    private static bool IsAfter(Trap trap) => trap is ExecuteTrap { Write.Kind: PrivilegedWrite.Idtr or PrivilegedWrite.Gdtr };

    private bool CanBePort(ExecuteTrap trap) => _chooser.CanTrap(trap.Place.Address, AbiTrap.Port, IsAfter(trap));

    private int FreeRegisters(Dictionary<SiteKey, SitePlace> attempt) => _registers - attempt.Values.Count(place => place.TakesRegister);

    /// <summary>Gives back the room of places that are not in the guest.</summary>
    private void Drop(IEnumerable<SitePlace> places)
    {
        foreach (SitePlace place in places)
        {
            if (place.Site.Cave != 0 && !_placed.Places.Any(placed => placed.Site.Cave == place.Site.Cave))
                _caves.Release(place.Site.Cave);
        }
    }

    private VmiException NoRegister(NamedAddress place) => new(
        VmiErrorCode.TrapRefused,
        $"No debug register is left for {place}: the CPU has {AbiNumbers.DebugRegisters}, each for an instruction or for up to 8 bytes{(_registers == AbiNumbers.DebugRegisters ? "" : $", and {FaultRegisters} are needed to step over instructions that may fault")}.",
        place.ToString());
}
