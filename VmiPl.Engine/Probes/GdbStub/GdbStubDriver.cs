using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes.GdbStub;

/// <summary>The driver that works on every running QEMU: each event stops the whole machine, the programs run here, and the machine goes on. One
/// thread owns the conversation with the stub (<see cref="StubSession"/>); what others want of it is done there, between two events, with the
/// machine standing still.</summary>
internal sealed class GdbStubDriver : IProbeDriver
{
    // How often the machine is looked at.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly LinuxGuest _guest;
    private readonly IDriverEvents _events;
    private readonly TrapKind _kind;
    private readonly PrivilegedWrite _kinds;
    private readonly EventSignal _signal = new();
    private readonly ConcurrentQueue<DriverWork> _work = new();
    private readonly Lock _ending = new();
    private StubSession? _session;
    private Thread? _thread;
    private bool _stopping;
    private volatile bool _ended;
    private VmiException? _problem;

    /// <summary>Makes a driver for a machine with a monitor; nothing is touched before <see cref="Start"/>. <paramref name="kinds"/> are the
    /// privileged instructions that probes wait for, for modules that come later.</summary>
    public GdbStubDriver(LinuxGuest guest, IDriverEvents events, TrapKind kind, PrivilegedWrite kinds)
    {
        _guest = guest;
        _events = events;
        _kind = kind;
        _kinds = kinds;
    }

    /// <inheritdoc/>
    public string Name => "GdbStub";

    private VmiMachine Machine => _guest.Machine;

    /// <inheritdoc/>
    public void Start(ImmutableArray<PlacedProbe> probes)
    {
        StubSession session = StubSession.Open(_guest, _events, _kind, _kinds, probes);
        _session = session;
        _thread = new Thread(() => Run(session)) { Name = $"VmiPl probes of {Machine.Name}", IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Reconfigure(IReadOnlyDictionary<int, ImmutableArray<CompiledBody>> newBodies, IReadOnlyList<(int Probe, int Body)> selections) =>
        Do(session => session.Reconfigure(newBodies, selections));

    /// <inheritdoc/>
    public void Enable(int probe, bool enabled) => Do(session => session.Enable(probe, enabled));

    /// <inheritdoc/>
    public int Request(ulong request)
    {
        int done = 0;
        Do(session => done = session.Request(request));
        return done;
    }

    /// <inheritdoc/>
    public void Pause() => Do(session => session.Pause());

    /// <inheritdoc/>
    public ProbeCounters CountersOf(int probe) => _session?.CountersOf(probe) ?? default;

    /// <inheritdoc/>
    public void Stop()
    {
        try
        {
            Do(_ => _stopping = true);
        }
        catch (VmiException)
        {
            // The thread ends either way, and does what can be done.
        }
        _thread?.Join();
        if (Interlocked.Exchange(ref _problem, null) is { } problem)
            throw problem;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Stop();
        }
        catch (VmiException)
        {
            // Whoever wants to know calls Stop.
        }
        _session?.Dispose();
        _signal.Dispose();
    }

    /// <summary>Has something done on the driver's thread while the machine stands still, and waits for it.</summary>
    private void Do(Action<StubSession> action)
    {
        if (_session is not { } session)
            return;
        var work = new DriverWork(() => action(session));
        lock (_ending)
        {
            if (_ended)
                return;
            _work.Enqueue(work);
        }
        _signal.Set();
        work.Wait();
    }

    /// <summary>The driver's thread.</summary>
    private void Run(StubSession session)
    {
        VmiException? reason = null;
        try
        {
            session.CatchUp();
            long watched = Stopwatch.GetTimestamp();
            while (!_stopping)
            {
                // However fast events come: who asks for something gets it, and what nobody tells is looked at.
                if (!_work.IsEmpty)
                    DoWork(session);
                else if (!session.AwaitEvent(_signal, Tick))
                    _signal.Reset();
                if (!_stopping && Stopwatch.GetElapsedTime(watched) >= Tick)
                {
                    session.Watch();
                    watched = Stopwatch.GetTimestamp();
                }
            }
        }
        catch (VmiException e)
        {
            reason = e;
        }
        catch (Exception e)
        {
            reason = new VmiException(VmiErrorCode.NotSupported, $"The probes' driver failed: {e.Message}", Machine.Name, e);
        }
        reason = Finish(session, reason);
        lock (_ending)
            _ended = true;
        while (_work.TryDequeue(out DriverWork? left))
            left.Fail(reason);
        if (reason is not null)
            _events.Ended(reason);
    }

    private void DoWork(StubSession session)
    {
        _signal.Reset();
        session.HaltForWork();
        while (_work.TryDequeue(out DriverWork? work))
            work.Do();
        if (!_stopping)
            session.GoOn();
    }

    /// <summary>Takes everything out and leaves. Gives the reason for an end that nobody asked for.</summary>
    private VmiException? Finish(StubSession session, VmiException? reason)
    {
        if (reason is not null && Machine.Process is { } process && !process.IsAlive())
            reason = new VmiException(VmiErrorCode.MachineLost, $"Machine '{Machine.Name}' has ended.", Machine.Name, reason);
        VmiException? problem = session.Leave();
        if (reason is null)
        {
            _problem = problem;
            return null;
        }
        return problem is null || reason.Code == VmiErrorCode.MachineLost ? reason : new VmiException(reason.Code, $"{reason.Message} {problem.Message}", Machine.Name, reason);
    }
}
