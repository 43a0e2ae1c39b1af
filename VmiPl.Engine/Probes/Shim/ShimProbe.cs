using VmiPl.Probes.Tracking;

namespace VmiPl.Probes.Shim;

/// <summary>An event probe of the shim's. Changed under the driver's lock; whether it is switched on, and which of its bodies are empty, may be asked from any
/// thread.</summary>
internal sealed class ShimProbe(PlacedProbe placed) : ITrapOwner
{
    private volatile (uint Program, bool IsEmpty)[] _bodies = [];
    private volatile bool _enabled = true;

    /// <inheritdoc/>
    public PlacedProbe Placed => placed;

    /// <summary>The probe's id.</summary>
    public int Id => placed.Id;

    /// <inheritdoc/>
    /// <remarks>One whose body is empty stays in its places: a program may give it another body at any event, and the next one is to be met.</remarks>
    public bool IsActive => _enabled;

    /// <summary>Whether it is switched on.</summary>
    public bool IsEnabled
    {
        get => _enabled;
        set => _enabled = value;
    }

    /// <summary>Its bodies: the number of the program, and whether that does nothing.</summary>
    public IReadOnlyList<(uint Program, bool IsEmpty)> Bodies => _bodies;

    /// <summary>Adds a body behind those that it has.</summary>
    public void Add((uint, bool) body) => _bodies = [.. _bodies, body];

    /// <summary>Drops bodies from the end until there are <paramref name="count"/>.</summary>
    public void DropBodies(int count) => _bodies = _bodies[..count];

    /// <summary>Whether a body does nothing; one that it does not have does.</summary>
    public bool IsSilent(uint body) => body >= _bodies.Length || _bodies[body].IsEmpty;
}
