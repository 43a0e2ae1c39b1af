using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes.GdbStub;

/// <summary>What is to be trapped at a moment: what active probes want, in the kernel and in the modules that have come since.</summary>
internal sealed partial class GdbStubDriver
{
    // Traps in modules that were loaded since the start, by the address of their struct module.
    private readonly Dictionary<ulong, List<TrapUse>> _modules = [];

    private IEnumerable<TrapUse> Wanted()
    {
        StubProbe[] active = [.. _inOrder.Where(probe => probe.IsActive)];
        IEnumerable<TrapUse> wanted = active.SelectMany(probe => probe.Placed.Traps.Select(trap => new TrapUse(trap, probe, null)))
            .Concat(_modules.Values.SelectMany(uses => uses).Where(use => use.Probe!.IsActive));
        return _kinds == PrivilegedWrite.None || active.Length == 0 ? wanted : wanted.Concat(ModuleTraps());
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
        ModulesChanged();
    }

    private void ModulesChanged()
    {
        _scan!.Forget();
        try
        {
            _traps!.Become(Wanted());
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused)
        {
            _events.Notice($"A module that was just loaded cannot be watched: {e.Message}", isError: true);
        }
    }
}
