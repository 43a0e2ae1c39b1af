using VmiPl.Compilation;
using VmiPl.Probes.Interpreter;
using VmiPl.Probes.Tracking;

namespace VmiPl.Probes.GdbStub;

/// <summary>An event probe at work. What it counts may be read from any thread, all else is the driver's thread's.</summary>
internal sealed class StubProbe : ITrapOwner
{
    private readonly List<(ProbeInterpreter Program, bool IsEmpty)> _bodies = [];
    private long _hits, _filtered, _records, _ticks;
    private volatile bool _enabled = true;
    private volatile bool _silent;
    private volatile int _body;

    /// <summary>Loads the probe's bodies. Throws <c>InvalidArgument</c> for a program that does not verify.</summary>
    public StubProbe(PlacedProbe placed)
    {
        Placed = placed;
        Add(placed.Compiled.Bodies);
        Body = 0;
    }

    /// <summary>What it is, and what is watched for it.</summary>
    public PlacedProbe Placed { get; }

    /// <summary>The probe's id.</summary>
    public int Id => Placed.Id;

    /// <summary>Whether anything has to be watched for it now.</summary>
    public bool IsActive => _enabled && !_silent;

    /// <summary>Number of bodies.</summary>
    public int BodyCount => _bodies.Count;

    /// <summary>The body that it runs.</summary>
    public int Body
    {
        get => _body;
        set
        {
            _silent = _bodies[value].IsEmpty;
            _body = value;
        }
    }

    /// <summary>Whether it is switched on.</summary>
    public bool IsEnabled
    {
        get => _enabled;
        set => _enabled = value;
    }

    /// <summary>Loads more bodies behind those that there are.</summary>
    public void Add(IEnumerable<CompiledBody> bodies) => _bodies.AddRange(bodies.Select(body => (new ProbeInterpreter(body.Program), body.IsEmpty)).ToArray());

    /// <summary>Drops bodies from the end until there are <paramref name="count"/>.</summary>
    public void DropBodies(int count) => _bodies.RemoveRange(count, _bodies.Count - count);

    /// <summary>The program to run.</summary>
    public ProbeInterpreter Program => _bodies[_body].Program;

    /// <summary>The number of its next record.</summary>
    public long NextSequence() => Interlocked.Increment(ref _records) - 1;

    /// <summary>Counts one event.</summary>
    public void Count(bool acted)
    {
        Interlocked.Increment(ref _hits);
        if (!acted)
            Interlocked.Increment(ref _filtered);
    }

    /// <summary>Adds time for which the machine was held, in ticks of 100 ns.</summary>
    public void AddTime(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

    /// <summary>What it has done so far.</summary>
    public ProbeCounters Counters => new(
        Interlocked.Read(ref _hits), Interlocked.Read(ref _filtered), Interlocked.Read(ref _records), new TimeSpan(Interlocked.Read(ref _ticks)),
        _enabled, _silent, _body);
}
