using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes.GdbStub;

/// <summary>The driver that works on every running QEMU: each event stops the whole machine, the programs run here, and the machine goes on. One
/// thread owns the conversation with the stub; what others want of it is done there, between two events, with the machine standing still.</summary>
internal sealed partial class GdbStubDriver : IProbeDriver
{
    // How often the machine is looked at.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly LinuxGuest _guest;
    private readonly IDriverEvents _events;
    private readonly TrapKind _kind;
    private readonly PrivilegedWrite _kinds;
    private readonly ModuleEvents? _moduleEvents;
    private readonly EventSignal _signal = new();
    private readonly ConcurrentQueue<DriverWork> _work = new();
    private readonly Dictionary<int, StubProbe> _probes = [];
    private readonly Lock _ending = new();
    private ImmutableArray<StubProbe> _inOrder = [];
    private Thread? _thread;
    private StubDoor? _door;
    private StubConnection? _connection;
    private StubVcpus? _vcpus;
    private StubVcpu? _vcpu;
    private StubTraps? _traps;
    private StubStepper? _stepper;
    private WatchScan? _scan;
    private bool _running, _held, _stopping;
    private volatile bool _ended = true;
    private VmiException? _problem;

    /// <summary>Makes a driver for a machine with a monitor; nothing is touched before <see cref="Start"/>. <paramref name="kinds"/> are the
    /// privileged instructions that probes wait for, for modules that come later.</summary>
    public GdbStubDriver(LinuxGuest guest, IDriverEvents events, TrapKind kind, PrivilegedWrite kinds)
    {
        _guest = guest;
        _events = events;
        _kind = kind;
        _kinds = kinds;
        if (kinds != PrivilegedWrite.None)
            _moduleEvents = ModuleEvents.Find(guest);
    }

    /// <inheritdoc/>
    public string Name => "GdbStub";

    private VmiMachine Machine => _guest.Machine;

    /// <inheritdoc/>
    public void Start(ImmutableArray<PlacedProbe> probes)
    {
        _inOrder = [.. probes.Select(probe => new StubProbe(probe))];
        foreach (StubProbe probe in _inOrder)
            _probes.Add(probe.Id, probe);
        MachineState before = Machine.QueryState();
        if (before is not (MachineState.Running or MachineState.Paused))
            throw new VmiException(VmiErrorCode.NotSupported, $"Machine '{Machine.Name}' neither runs nor is paused: its state is {before}.", Machine.Name);
        _held = before == MachineState.Paused;
        try
        {
            Open();
            _aliases = AliasTracker.For(_guest, _inOrder, () => TrapsChanged(AliasProblem), problem => _events.Notice(problem, isError: false));
            _traps!.TrapReset();
            _traps.Become(Wanted());
            if (!_held)
                Go();
        }
        catch
        {
            Undo();
            throw;
        }
        _ended = false;
        _thread = new Thread(Run) { Name = $"VmiPl probes of {Machine.Name}", IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Reconfigure(IReadOnlyDictionary<int, ImmutableArray<CompiledBody>> newBodies, IReadOnlyList<(int Probe, int Body)> selections) => Do(() =>
    {
        (StubProbe Probe, int Bodies, int Body)[] before = [.. _inOrder.Select(probe => (probe, probe.BodyCount, probe.Body))];
        try
        {
            foreach ((int id, ImmutableArray<CompiledBody> bodies) in newBodies)
                _probes[id].Add(bodies);
            foreach ((int id, int body) in selections)
                _probes[id].Body = body;
            _traps!.Become(Wanted());
        }
        catch
        {
            foreach ((StubProbe probe, int bodies, int body) in before)
            {
                probe.Body = body;
                probe.DropBodies(bodies);
            }
            throw;
        }
    });

    /// <inheritdoc/>
    public void Enable(int probe, bool enabled) => Do(() =>
    {
        bool before = _probes[probe].IsEnabled;
        try
        {
            _probes[probe].IsEnabled = enabled;
            _traps!.Become(Wanted());
        }
        catch
        {
            _probes[probe].IsEnabled = before;
            throw;
        }
    });

    /// <inheritdoc/>
    public int Request(ulong request)
    {
        int done = 0;
        Do(() =>
        {
            _vcpu!.BeginStop(DateTime.UtcNow);
            _vcpu.Enter(0, _vcpus!.ThreadOf(0));
            long start = Stopwatch.GetTimestamp();
            foreach (StubProbe probe in _inOrder.Where(probe => probe.Placed.Compiled.Site is Compilation.Sites.RequestSite site && site.Request == request && probe.IsActive))
            {
                RunProgram(probe, written: null);
                done++;
            }
            AfterPrograms(start);
        });
        return done;
    }

    /// <inheritdoc/>
    public void Pause() => Do(() => Hold(null));

    /// <inheritdoc/>
    public ProbeCounters CountersOf(int probe) => _probes[probe].Counters;

    /// <inheritdoc/>
    public void Stop()
    {
        try
        {
            Do(() => _stopping = true);
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
        _connection?.Dispose();
        _door?.Dispose();
        _signal.Dispose();
    }

    /// <summary>Has something done on the driver's thread while the machine stands still, and waits for it.</summary>
    private void Do(Action action)
    {
        var work = new DriverWork(action);
        lock (_ending)
        {
            if (_ended)
                return;
            _work.Enqueue(work);
        }
        _signal.Set();
        work.Wait();
    }

    private void Open()
    {
        _door = StubDoor.Open(Machine, leavePaused: _held);
        _connection = new StubConnection(_door.Socket, Machine.Limits.MonitorTimeout);
        // Connecting has stopped the machine, which it tells; whether it ran before was asked before.
        _connection.Halt();
        while (_connection.TryTakeStop(out _))
        {
        }
        _vcpus = new StubVcpus(_connection);
        _vcpu = new StubVcpu(_connection, _vcpus.Registers, Machine.GetMemory(), Emit);
        bool isKvm = Machine.Accelerator != "tcg";
        _traps = new StubTraps(_connection, isKvm, _kind);
        _stepper = new StubStepper(_connection, _traps, _vcpu, FaultHandlers(), stepsThroughTraps: !isKvm);
        _scan = new WatchScan(_guest, _vcpu);
    }

    /// <summary>Where the guest deals with exceptions that execute their instruction again: all but debug traps, breakpoints and overflow (Intel
    /// SDM volume 3A, table 6-1).</summary>
    private HashSet<ulong> FaultHandlers()
    {
        _vcpu!.Enter(0, _vcpus!.ThreadOf(0));
        AddressSpace kernel = _guest.OpenKernelSpace();
        (ulong table, ushort limit) = _vcpu.InterruptTable();
        return [.. Enumerable.Range(0, 32).Where(vector => vector is not (1 or 3 or 4)).Select(vector => InterruptGates.Read(kernel, table, limit, vector).Handler).Where(handler => handler != 0)];
    }

    /// <summary>The driver's thread.</summary>
    private void Run()
    {
        VmiException? reason = null;
        try
        {
            CatchUp();
            long watched = Stopwatch.GetTimestamp();
            while (!_stopping)
            {
                // However fast events come: who asks for something gets it, and what nobody tells is looked at.
                if (!_work.IsEmpty)
                    DoWork();
                else if (_connection!.WaitForStop(_signal, Tick))
                    OnStop();
                else
                    _signal.Reset();
                if (!_stopping && Stopwatch.GetElapsedTime(watched) >= Tick)
                {
                    Watch();
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
        reason = Finish(reason);
        lock (_ending)
            _ended = true;
        while (_work.TryDequeue(out DriverWork? left))
            left.Fail(reason);
        if (reason is not null)
            _events.Ended(reason);
    }

    private void DoWork()
    {
        _signal.Reset();
        TakeStops();
        HaltForWork();
        while (_work.TryDequeue(out DriverWork? work))
            work.Do();
        if (!_held && !_stopping)
            Go();
    }

    /// <summary>Deals with what had stopped the machine before it is halted: afterwards that could not be told from our doing.</summary>
    private void TakeStops()
    {
        while (_connection!.WaitForStop(_signal, TimeSpan.Zero))
            OnStop();
    }

    /// <summary>Has the machine stand still; what had stopped it before is dealt with.</summary>
    private void HaltForWork()
    {
        if (!_held)
            _door!.ExpectStop();
        _connection!.Halt();
        while (_connection.HasStop)
            OnStop(resume: false);
    }

    private void Go()
    {
        _running = true;
        _connection!.Resume("c");
        _door!.LetRun();
    }

    /// <summary>Looks after what nobody tells.</summary>
    private void Watch()
    {
        Machine.Process?.Demand();
        if (!_door!.IsGuarded)
            throw new VmiException(VmiErrorCode.StubLost, "The probes' guardian process has ended: without it a guest could be left stopped, so the probes were taken out.", Machine.Name);
        WatchKernel();
        if (_held)
            WatchResumption();
    }

    /// <summary>Takes everything out and leaves. Gives the reason for an end that nobody asked for.</summary>
    private VmiException? Finish(VmiException? reason)
    {
        if (reason is not null && Machine.Process is { } process && !process.IsAlive())
            reason = new VmiException(VmiErrorCode.MachineLost, $"Machine '{Machine.Name}' has ended.", Machine.Name, reason);
        VmiException? problem = Undo();
        if (reason is null)
        {
            _problem = problem;
            return null;
        }
        return problem is null || reason.Code == VmiErrorCode.MachineLost ? reason : new VmiException(reason.Code, $"{reason.Message} {problem.Message}", Machine.Name, reason);
    }
}
