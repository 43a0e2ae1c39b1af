namespace VmiPl.Probes.Tracking;

/// <summary>What is done at a trap: a probe's program is run, or, where there is no probe, something of the driver's own.</summary>
internal sealed record TrapUse(Trap Trap, ITrapOwner? Probe, Action<ITrappedVcpu>? Own);
