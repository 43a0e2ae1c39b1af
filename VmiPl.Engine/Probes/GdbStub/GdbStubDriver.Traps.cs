using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes.GdbStub;

/// <summary>What is to be trapped at a moment: what active probes want, in the kernel, in the modules that have come since, and at the addresses at
/// which descriptor tables were mapped since.</summary>
internal sealed partial class GdbStubDriver
{
    // Traps in modules that were loaded since the start, by the address of their struct module.
    private readonly Dictionary<ulong, List<TrapUse>> _modules = [];
    private const string AliasProblem = "An address at which a descriptor table was just mapped cannot be watched";
    // Traps that were placed at the start in modules that have gone since.
    private readonly HashSet<Trap> _gone = [];
    private AliasTracker? _aliases;

    private IEnumerable<TrapUse> Wanted()
    {
        StubProbe[] active = [.. _inOrder.Where(probe => probe.IsActive)];
        IEnumerable<TrapUse> wanted = active.SelectMany(probe => probe.Placed.Traps.Except(_gone).Select(trap => new TrapUse(trap, probe, null)))
            .Concat(_modules.Values.SelectMany(uses => uses).Where(use => use.Probe!.IsActive));
        if (_kinds != PrivilegedWrite.None && active.Length > 0)
            wanted = wanted.Concat(ModuleTraps());
        return _aliases is null ? wanted : wanted.Concat(_aliases.Wanted());
    }

    /// <summary>Where a kernel tells of modules that come and go. One that has no symbol for these places is searched at the start only.</summary>
    private IEnumerable<TrapUse> ModuleTraps()
    {
        if (_moduleEvents!.Loading is { } loading)
            yield return new TrapUse(new ExecuteTrap(loading), null, OnModuleLoading);
        if (_moduleEvents.Unloading is { } unloading)
            yield return new TrapUse(new ExecuteTrap(unloading), null, OnModuleUnloading);
    }

    /// <summary>A module's code is in its place and has not run.</summary>
    private void OnModuleLoading(StubVcpu vcpu)
    {
        ulong module = vcpu.Current(_moduleEvents!.ModuleRegister);
        InstructionSearch found = PrivilegedInstructions.FindIn(_guest, module, _kinds);
        foreach (UnsearchedText text in found.Unsearched)
            _events.Notice($"Code of module '{text.Module}' at {text.Place} could not be searched for privileged instructions: {text.Reason}", isError: false);
        _modules[module] = [.. _inOrder.SelectMany(probe => TrapResolver.TrapsAt(probe.Placed.Compiled.Site, found.Places).Select(trap => new TrapUse(trap, probe, null)))];
        ModulesChanged();
    }

    /// <summary>A module's code has run for the last time.</summary>
    private void OnModuleUnloading(StubVcpu vcpu)
    {
        ulong module = vcpu.Current(_moduleEvents!.ModuleRegister);
        _modules.Remove(module);
        _gone.UnionWith(PlacedIn(module));
        ModulesChanged();
    }

    /// <summary>The traps of the start in a module's code. What is loaded there next is searched anew.</summary>
    private IEnumerable<Trap> PlacedIn(ulong module)
    {
        ExecuteTrap[] placed = [.. _inOrder.SelectMany(probe => probe.Placed.Traps).OfType<ExecuteTrap>().Where(trap => trap.Write?.Module is not null)];
        if (placed.Length == 0)
            return [];
        (ulong start, uint length) = ModuleLayout.From(_guest.Profile).Text(_guest.OpenKernelSpace(), module);
        return placed.Where(trap => trap.Place.Address - start < length);
    }

    private void ModulesChanged()
    {
        _scan!.Forget();
        TrapsChanged("A module that was just loaded cannot be watched");
    }

    /// <summary>What was mapped while the probes were on their way.</summary>
    private void CatchUp()
    {
        if (_aliases?.FindMissed() is not { Count: > 0 } missed)
            return;
        HaltForWork();
        _aliases.Add(missed);
        TrapsChanged(AliasProblem);
        if (!_held)
            Go();
    }

    private void TrapsChanged(string problem)
    {
        try
        {
            _traps!.Become(Wanted());
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused)
        {
            _events.Notice($"{problem}: {e.Message}", isError: true);
        }
    }
}
