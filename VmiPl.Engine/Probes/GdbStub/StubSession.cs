using System.Collections.Immutable;
using System.Diagnostics;
using VmiPl.Compilation;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Tracking;

namespace VmiPl.Probes.GdbStub;

/// <summary>Probes at work on a machine through its gdbstub, from the stub's opening to its closing. For the driver's thread, but
/// <see cref="CountersOf"/> and <see cref="Dispose"/>. This file: how the machine is stopped and resumed, and what is done to the probes
/// meanwhile.</summary>
internal sealed partial class StubSession : IDisposable
{
    private const string AliasProblem = "An address at which a descriptor table was just mapped cannot be watched", ModuleProblem = "A module that was just loaded cannot be watched";

    private readonly LinuxGuest _guest;
    private readonly IDriverEvents _events;
    private readonly ImmutableArray<StubProbe> _inOrder;
    private readonly Dictionary<int, StubProbe> _probes;
    private readonly StubDoor _door;
    private readonly StubConnection _connection;
    private readonly StubVcpus _vcpus;
    private readonly StubVcpu _vcpu;
    private readonly StubTraps _traps;
    private readonly StubStepper _stepper;
    private readonly WatchScan _scan;
    private readonly KernelClock? _clock;
    private readonly ModuleTracker? _modules;
    private readonly AliasTracker? _aliases;

    // Held: by somebody else's will, or a program's. Running: resumed by us, and not heard of since.
    private bool _held, _running;

    private StubSession(LinuxGuest guest, IDriverEvents events, TrapKind kind, PrivilegedWrite kinds, ImmutableArray<StubProbe> probes, bool held)
    {
        _guest = guest;
        _events = events;
        _inOrder = probes;
        _probes = probes.ToDictionary(probe => probe.Id);
        _held = held;
        bool isKvm = Machine.Accelerator != "tcg";
        _modules = ModuleTracker.For(guest, probes, kinds, ModulesChanged, problem => events.Notice(problem, isError: false));
        // Where a reset is not trapped, only memory tells of it.
        _clock = isKvm ? KernelClock.Find(guest) : null;
        _door = StubDoor.Open(Machine, leavePaused: held);
        _connection = new StubConnection(_door.Socket, Machine.Limits.MonitorTimeout);
        _traps = new StubTraps(_connection, isKvm, kind);
        _migration = new MigrationWatch(Machine);
        try
        {
            // Connecting has stopped the machine, which it tells; whether it ran before was asked before.
            _connection.Halt();
            while (_connection.TryTakeStop(out _))
            {
            }
            _vcpus = new StubVcpus(_connection);
            _vcpu = new StubVcpu(_connection, _vcpus.Registers, Machine.GetMemory(), Emit);
            _stepper = new StubStepper(_connection, _traps, _vcpu, FaultHandlers(), stepsThroughTraps: !isKvm);
            _scan = new WatchScan(guest, _vcpu);
            _aliases = AliasTracker.For(guest, probes, () => TrapsChanged(AliasProblem), problem => events.Notice(problem, isError: false));
            _traps.TrapReset();
            Place();
            _threads = Threads();
            GoOn();
        }
        catch
        {
            Leave();
            _migration.Dispose();
            throw;
        }
    }

    private VmiMachine Machine => _guest.Machine;

    /// <summary>Opens the stub, places all traps and lets the machine run on where it ran; or throws, and has left everything as it was.</summary>
    public static StubSession Open(LinuxGuest guest, IDriverEvents events, TrapKind kind, PrivilegedWrite kinds, ImmutableArray<PlacedProbe> placed)
    {
        ImmutableArray<StubProbe> probes = [.. placed.Select(probe => new StubProbe(probe))];
        MachineState before = guest.Machine.QueryState();
        if (before is not (MachineState.Running or MachineState.Paused))
            throw new VmiException(VmiErrorCode.NotSupported, $"Machine '{guest.Machine.Name}' neither runs nor is paused: its state is {before}.", guest.Machine.Name);
        return new StubSession(guest, events, kind, kinds, probes, held: before == MachineState.Paused);
    }

    /// <summary>What a probe has done so far.</summary>
    public ProbeCounters CountersOf(int probe) => _probes[probe].Counters;

    /// <summary>As <see cref="IProbeDriver.Reconfigure"/>; the machine stands still.</summary>
    public void Reconfigure(IReadOnlyDictionary<int, ImmutableArray<CompiledBody>> newBodies, IReadOnlyList<(int Probe, int Body)> selections)
    {
        (StubProbe Probe, int Bodies, int Body)[] before = [.. _inOrder.Select(probe => (probe, probe.BodyCount, probe.Body))];
        try
        {
            foreach ((int id, ImmutableArray<CompiledBody> bodies) in newBodies)
                _probes[id].Add(bodies);
            foreach ((int id, int body) in selections)
                _probes[id].Body = body;
            Place();
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
    }

    /// <summary>As <see cref="IProbeDriver.Enable"/>; the machine stands still.</summary>
    public void Enable(int id, bool enabled)
    {
        StubProbe probe = _probes[id];
        bool before = probe.IsEnabled;
        try
        {
            probe.IsEnabled = enabled;
            Place();
        }
        catch
        {
            probe.IsEnabled = before;
            throw;
        }
    }

    /// <summary>As <see cref="IProbeDriver.Request"/>; the machine stands still.</summary>
    public int Request(ulong request)
    {
        int done = 0;
        _vcpu.BeginStop(DateTime.UtcNow);
        Enter(_vcpus.Numbers[0]);
        long start = Stopwatch.GetTimestamp();
        foreach (StubProbe probe in _inOrder.Where(probe => probe.Placed.Compiled.Site is RequestSite site && site.Request == request && probe.IsActive))
        {
            RunProgram(probe, written: null);
            done++;
        }
        AfterPrograms(start);
        return done;
    }

    /// <summary>The machine is to stay as it stands.</summary>
    public void Pause() => Hold(null);

    /// <summary>Waits for an event and deals with it. False where none has come, or the signal was given.</summary>
    public bool AwaitEvent(EventSignal signal, TimeSpan time)
    {
        // One that is held and resumed by somebody is heard of at its next stop only so.
        if (!_connection.IsToldOfStops)
            WatchResumption();
        if (!_connection.WaitForStop(signal, time))
            return false;
        OnStop();
        return true;
    }

    /// <summary>Has the machine stand still for work of our own. What had stopped it before is dealt with first: afterwards that could not be told from
    /// our doing.</summary>
    public void HaltForWork()
    {
        TakeStops();
        if (!_held)
            _door.ExpectStop();
        _connection.Halt();
        while (_connection.HasStop)
            OnStop(resume: false);
    }

    /// <summary>The same for a look that nobody has asked for. False where the machine stood still already: it is held, sleeps or has shut down, and is
    /// not ours to resume.</summary>
    private bool TryHalt()
    {
        TakeStops();
        if (_held)
            return false;
        _door.ExpectStop();
        _connection.Halt();
        if (!_connection.HasStop)
        {
            _door.LetRun();
            return false;
        }
        while (_connection.HasStop)
            OnStop(resume: false);
        return true;
    }

    /// <summary>Lets the machine run, unless it is held.</summary>
    public void GoOn()
    {
        FollowMigration();
        if (_held)
            return;
        _running = true;
        _connection.Resume("c");
        _door.LetRun();
    }

    /// <summary>Takes what was mapped while the probes were on their way.</summary>
    public void CatchUp()
    {
        if (_isAway || _aliases?.FindMissed() is not { Count: > 0 } missed)
            return;
        HaltForWork();
        _aliases.Add(missed);
        TrapsChanged(AliasProblem);
        GoOn();
    }

    /// <summary>Looks after what nobody tells.</summary>
    public void Watch()
    {
        Machine.Process?.Demand();
        if (!_door.IsGuarded)
            throw new VmiException(VmiErrorCode.StubLost, "The probes' guardian process has ended: without it a guest could be left stopped, so the probes were taken out.", Machine.Name);
        WatchKernel();
        WatchMigration();
        WatchVcpus();
        WatchResumption();
    }

    /// <summary>Closes the connection. Where <see cref="Leave"/> was not called, the guardian does what it would have done.</summary>
    public void Dispose()
    {
        _migration.Dispose();
        _connection.Dispose();
        _door.Dispose();
    }

    private void TakeStops()
    {
        while (_connection.WaitForStop(signal: null, TimeSpan.Zero))
            OnStop();
    }

    /// <summary>The machine stays as it is until somebody resumes it.</summary>
    private void Hold(string? notice)
    {
        _held = true;
        _door.LeavePaused();
        if (notice is not null)
            _events.Notice(notice, isError: false);
    }

    private void Release()
    {
        _held = false;
        _door.ExpectStop();
    }

    /// <summary>Makes the traps those that are wanted now. Throws <c>TrapRefused</c>, with nothing changed.</summary>
    private void Place()
    {
        bool had = _traps.HasOwn;
        _traps.Become([.. Wanted()]);
        if (had && !_traps.HasOwn && !_isAway)
            _events.Notice("No breakpoint is left to follow the guest's modules and mappings: what it loads or maps from now on is not watched.", isError: true);
    }

    /// <summary>What is to be trapped at this moment.</summary>
    private IEnumerable<TrapUse> Wanted()
    {
        StubProbe[] active = [.. _inOrder.Where(probe => probe.IsActive && !_isAway)];
        IEnumerable<TrapUse> wanted = active.SelectMany(probe => probe.Placed.Traps.Where(trap => _modules?.HasGone(trap) != true).Select(trap => new TrapUse(trap, probe, null)));
        if (_modules is not null && active.Length > 0)
            wanted = wanted.Concat(_modules.Wanted());
        return _aliases is null || _isAway ? wanted : wanted.Concat(_aliases.Wanted());
    }

    private void ModulesChanged()
    {
        _scan.Forget();
        TrapsChanged(ModuleProblem);
    }

    private void TrapsChanged(string problem)
    {
        try
        {
            Place();
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused)
        {
            _events.Notice($"{problem}: {e.Message}", isError: true);
        }
    }

    /// <summary>Where the guest deals with exceptions that execute their instruction again: all but debug traps, breakpoints and overflow (Intel
    /// SDM volume 3A, table 6-1).</summary>
    private HashSet<ulong> FaultHandlers()
    {
        Enter(_vcpus.Numbers[0]);
        AddressSpace kernel = _guest.OpenKernelSpace();
        (ulong table, ushort limit) = _vcpu.InterruptTable();
        return [.. Enumerable.Range(0, 32).Where(vector => vector is not (1 or 3 or 4)).Select(vector => InterruptGates.Read(kernel, table, limit, vector).Handler).Where(handler => handler != 0)];
    }
}
