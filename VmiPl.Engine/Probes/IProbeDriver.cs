using System.Collections.Immutable;
using VmiPl.Compilation;

namespace VmiPl.Probes;

/// <summary>What makes a session's programs run at their events on one machine. All calls but <see cref="CountersOf"/> wait until they have taken
/// effect, throw <see cref="Errors.VmiException"/> and then have changed nothing. Safe from several threads; after the driver has ended by itself
/// (<see cref="IDriverEvents.Ended"/>), they do nothing.</summary>
internal interface IProbeDriver : IDisposable
{
    /// <summary>What it is called in <c>Get-VmiProbe</c>.</summary>
    string Name { get; }

    /// <summary>Places the traps of all probes, all or none, and lets the machine run on where it ran. Called once.</summary>
    void Start(ImmutableArray<PlacedProbe> probes);

    /// <summary>Gives probes more bodies, by probe id, behind those they have, and says which probe runs which body from the next event on.</summary>
    void Reconfigure(IReadOnlyDictionary<int, ImmutableArray<CompiledBody>> newBodies, IReadOnlyList<(int Probe, int Body)> selections);

    /// <summary>Switches a probe on or off between two events.</summary>
    void Enable(int probe, bool enabled);

    /// <summary>Runs the probes that wait for a request of that id; returns how many.</summary>
    int Request(ulong request);

    /// <summary>Pauses the machine, until somebody resumes it.</summary>
    void Pause();

    /// <summary>What a probe has done so far; from any moment, without waiting.</summary>
    ProbeCounters CountersOf(int probe);

    /// <summary>What is watched for a probe, for people, each with the way where the driver has several.</summary>
    ImmutableArray<string> PlacesOf(PlacedProbe probe) => [.. probe.Traps.Select(trap => trap.Place.ToString())];

    /// <summary>Takes every trap out, leaves the machine as it would be without them, and ends. Does not throw for a machine that is gone; throws where
    /// something could not be restored, and has then done what could be done.</summary>
    void Stop();
}
