using System.Collections.Immutable;
using VmiPl.Compilation.Sites;
using VmiPl.Linux;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes.Tracking;

/// <summary>Follows the modules that a guest loads and unloads while probes wait for privileged instructions: a module's code is searched when it is
/// in its place and has not run, and traps in it are no longer wanted when it has run for the last time. For the driver's thread; the machine
/// stands still at every call.</summary>
internal sealed class ModuleTracker
{
    private readonly LinuxGuest _guest;
    private readonly IReadOnlyList<ITrapOwner> _probes;
    private readonly PrivilegedWrite _kinds;
    private readonly ModuleEvents _events;
    private readonly Action _changed;
    private readonly Action<string> _problem;

    // Traps in modules that were loaded since the start, by the address of their struct module.
    private readonly Dictionary<ulong, List<TrapUse>> _loaded = [];

    // Traps that were placed at the start in modules that have gone since.
    private readonly HashSet<Trap> _gone = [];

    private ModuleTracker(LinuxGuest guest, IReadOnlyList<ITrapOwner> probes, PrivilegedWrite kinds, Action changed, Action<string> problem)
    {
        _guest = guest;
        _probes = probes;
        _kinds = kinds;
        _events = ModuleEvents.Find(guest);
        _changed = changed;
        _problem = problem;
    }

    /// <summary>Makes one for probes that wait for instructions of these kinds; null where there are none. <paramref name="changed"/> is called when
    /// other traps are wanted, <paramref name="problem"/> with what goes unseen.</summary>
    public static ModuleTracker? For(LinuxGuest guest, IReadOnlyList<ITrapOwner> probes, PrivilegedWrite kinds, Action changed, Action<string> problem) =>
        kinds == PrivilegedWrite.None ? null : new ModuleTracker(guest, probes, kinds, changed, problem);

    /// <summary>Which of several places, each as good, is to be trapped; the first unless the driver knows better.</summary>
    public Func<ImmutableArray<NamedAddress>, NamedAddress> Choose { get; set; } = places => places[0];

    /// <summary>Whether the code in which a trap was placed at the start is there no longer.</summary>
    public bool HasGone(Trap trap) => _gone.Contains(trap);

    /// <summary>What is to be trapped now: in modules that have come, and where the kernel tells of those that come and go. One that has no symbol for
    /// these places is searched at the start only.</summary>
    public IEnumerable<TrapUse> Wanted()
    {
        foreach (TrapUse use in _loaded.Values.SelectMany(uses => uses).Where(use => use.Probe!.IsActive))
            yield return use;
        if (!_events.Loading.IsEmpty)
            yield return new TrapUse(new ExecuteTrap(Choose(_events.Loading)), null, OnLoading);
        if (!_events.Unloading.IsEmpty)
            yield return new TrapUse(new ExecuteTrap(Choose(_events.Unloading)), null, OnUnloading);
    }

    private void OnLoading(ITrappedVcpu vcpu)
    {
        ulong module = vcpu.Current(_events.ModuleRegister);
        InstructionSearch found = PrivilegedInstructions.FindIn(_guest, module, _kinds);
        foreach (UnsearchedText text in found.Unsearched)
            _problem($"Code of module '{text.Module}' at {text.Place} could not be searched for privileged instructions: {text.Reason}");
        _loaded[module] = [.. _probes.SelectMany(probe => TrapResolver.TrapsAt(probe.Placed.Compiled.Site, found.Places).Select(trap => new TrapUse(trap, probe, null)))];
        _changed();
    }

    private void OnUnloading(ITrappedVcpu vcpu)
    {
        ulong module = vcpu.Current(_events.ModuleRegister);
        _loaded.Remove(module);
        _gone.UnionWith(PlacedIn(module));
        _changed();
    }

    /// <summary>The traps of the start in a module's code. What is loaded there next is searched anew.</summary>
    private IEnumerable<Trap> PlacedIn(ulong module)
    {
        ExecuteTrap[] placed = [.. _probes.SelectMany(probe => probe.Placed.Traps).OfType<ExecuteTrap>().Where(trap => trap.Write?.Module is not null)];
        if (placed.Length == 0)
            return [];
        (ulong start, uint length) = ModuleLayout.From(_guest.Profile).Text(_guest.OpenKernelSpace(), module);
        return placed.Where(trap => trap.Place.Address - start < length);
    }
}
