using System.Collections.Immutable;
using System.Globalization;
using VmiPl.Compilation;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Machines.ProcessMemory;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Probes.Shim.Sites;
using VmiPl.Probes.Tracking;

namespace VmiPl.Probes.Shim;

/// <summary>Probes at work through a shim: what it is told, and what it tells. Under the driver's lock, but for <see cref="CountersOf"/>. The link is not
/// owned.</summary>
internal sealed class ShimSession : IDisposable
{
    private const string ModuleProblem = "A module that was just loaded cannot be watched";
    private const int MaxLooks = 10, Stale = 116;   // ESTALE
    private const ulong ControlFlowEnforcement = 1 << 23;   // CR4.CET

    // 0xE5 and its neighbours belong to no device of a PC; 0x80, 0xE9, 0xED and 0xF4 do.
    private static ReadOnlySpan<byte> Ports => [0xe5, 0xe4, 0xe6, 0xe7, 0xe3, 0xe2, 0xe1];

    private readonly LinuxGuest _guest;
    private readonly IDriverEvents _events;
    private readonly ShimLink _link;
    private readonly ImmutableArray<ShimProbe> _inOrder;
    private readonly ImmutableDictionary<int, ShimProbe> _probes;
    private readonly TrapKind _kind;
    private readonly ModuleTracker? _modules;
    private readonly PauseGate _pauses = new();
    private readonly ShimPump _pump;
    private readonly GuestCode _code;
    private readonly ReadJudge _judge;
    private readonly StandstillWatch _standstill;
    private readonly ThreadReader _threads;
    private readonly bool _isHostVirtual;
    private ShimSites? _sites;
    private int _programs;
    private bool _modulesChanged;

    /// <summary>Makes a session over a shim that has said hello; nothing is placed before <see cref="Start"/>.</summary>
    public ShimSession(LinuxGuest guest, IDriverEvents events, TrapKind kind, PrivilegedWrite kinds, ShimLink link, bool isHostVirtual, ImmutableArray<PlacedProbe> placed)
    {
        _guest = guest;
        _isHostVirtual = isHostVirtual;
        _events = events;
        _kind = kind;
        _link = link;
        _inOrder = [.. placed.Select(probe => new ShimProbe(probe))];
        _probes = _inOrder.ToImmutableDictionary(probe => probe.Id);
        _modules = ModuleTracker.For(guest, _inOrder, kinds, () => _modulesChanged = true, problem => events.Notice(problem, isError: false));
        _code = new GuestCode(guest);
        _judge = new ReadJudge(_code);
        _standstill = new StandstillWatch(Machine, events);
        _threads = new ThreadReader(Machine);
        _pump = new ShimPump(link.Ring, events, Machine.Name, _inOrder.Select(probe => probe.Id).ToHashSet(), _pauses, Machine.Limits.ShimAnswerTime);
    }

    private VmiMachine Machine => _guest.Machine;

    private ShimConnection Shim => _link.Connection;

    /// <summary>Tells the shim all it needs, loads the programs and places the sites, or throws and has placed none.</summary>
    public void Start()
    {
        try
        {
            MachineState state = Machine.QueryState();
            if (state is not (MachineState.Running or MachineState.Paused))
                throw new VmiException(VmiErrorCode.NotSupported, $"Machine '{Machine.Name}' neither runs nor is paused: its state is {state}.", Machine.Name);
            if (state == MachineState.Paused)
                _standstill.Expect();
            DemandNobodyElse();
            SendMemory();
            SendThreads(VcpuThreads.Read(Machine));
            _sites = new ShimSites(_code, Conditions(), _kind);
            if (_modules is not null && _kind != TrapKind.Hardware)
                _modules.Choose = _sites.Easiest;
            foreach (ShimProbe probe in _inOrder)
                Load(probe, probe.Placed.Compiled.Bodies);
            Place(_inOrder.ToDictionary(probe => probe.Id, _ => 0));
        }
        catch
        {
            _pump.Finish(Machine.Limits.ShimTimeout);
            throw;
        }
    }

    /// <summary>What a probe has done so far; from any thread.</summary>
    public ProbeCounters CountersOf(int id)
    {
        ShimProbe probe = _probes[id];
        AbiCounters counters = _link.Ring.CountersOf(id);
        return new ProbeCounters(
            Count(counters.Hits), Count(counters.Filtered), Count(counters.Records), TimeSpan.FromTicks(Count(counters.Held / 100)), probe.IsEnabled, probe.IsSilent(counters.Body),
            (int)Math.Min(counters.Body, int.MaxValue));

        static long Count(ulong value) => (long)Math.Min(value, long.MaxValue);
    }

    /// <summary>What is watched for a probe, with the way.</summary>
    public ImmutableArray<string> PlacesOf(PlacedProbe probe) =>
        [.. probe.Traps.Select(trap => _sites?.WayOf(trap) is { } way ? $"{trap.Place}, {way}" : trap.Place.ToString())];

    /// <summary>As <see cref="IProbeDriver.Reconfigure"/>.</summary>
    public void Reconfigure(IReadOnlyDictionary<int, ImmutableArray<CompiledBody>> newBodies, IReadOnlyList<(int Probe, int Body)> selections)
    {
        (ShimProbe Probe, int Bodies)[] before = [.. _inOrder.Select(probe => (probe, probe.Bodies.Count))];
        int programs = _programs;
        try
        {
            foreach ((int id, ImmutableArray<CompiledBody> bodies) in newBodies)
                Load(_probes[id], bodies);
            var chosen = new Dictionary<int, int>();
            foreach ((int id, int body) in selections)
                chosen[id] = body;
            Place(chosen);
        }
        catch
        {
            foreach ((ShimProbe probe, int bodies) in before)
                probe.DropBodies(bodies);
            if (_programs > programs && _link.End is null)
                Shim.Ask(AbiRequest.Unload, ShimProtocol.Bytes(new AbiNumber { Number = (uint)programs }));
            _programs = programs;
            throw;
        }
    }

    /// <summary>As <see cref="IProbeDriver.Enable"/>.</summary>
    public void Enable(int id, bool enabled)
    {
        ShimProbe probe = _probes[id];
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

    /// <summary>As <see cref="IProbeDriver.Request"/>: on the first vCPU.</summary>
    public int Request(ulong request)
    {
        int done = 0;
        foreach (ShimProbe probe in _inOrder.Where(probe => probe.Placed.Compiled.Site is RequestSite site && site.Request == request && probe.IsEnabled && !CountersOf(probe.Id).IsSilent))
        {
            Shim.Ask(AbiRequest.Run, ShimProtocol.Bytes(new AbiRun { Probe = (uint)probe.Id }));
            done++;
        }
        return done;
    }

    /// <summary>Waits, for a bounded time, until what the probes have seen by now is in their streams. Not under the driver's lock.</summary>
    public void CatchUp() => _pump.CatchUp(Machine.Limits.ShimAnswerTime);

    /// <summary>Pauses the machine for somebody who asks the session. Throws what the monitor throws.</summary>
    public void Pause()
    {
        _standstill.Expect();
        Machine.GetMonitor().Suspend();
    }

    /// <summary>Deals with something that the shim tells. Throws what ends the session.</summary>
    public void OnNotice(ShimMessage notice)
    {
        switch ((AbiNotice)notice.Head.Type)
        {
            case AbiNotice.Pause:
                OnPause(notice.As<AbiPause>());
                break;
            case AbiNotice.Call:
                OnCall(notice.As<AbiCall>());
                break;
            case AbiNotice.Memory:
                SendMemory();
                break;
            case AbiNotice.Reset:
                throw BootedAgain();
            case AbiNotice.Held:
                _events.Notice(
                    string.Create(CultureInfo.InvariantCulture, $"vCPU {notice.As<AbiNumber>().Number} was held for longer than it may be, and went on by itself: what it did then may have gone unseen."), isError: true);
                break;
            case AbiNotice.Pages:
                _events.Notice("Writes to descriptor tables are watched no more: the guest has written to one by an instruction that KVM can't emulate. Start the probes again to have them watched.", isError: true);
                break;
            case AbiNotice.Vcpus:
                _threads.Expect();
                break;
            case AbiNotice.Still:
                _standstill.OnStill(notice.As<AbiNumber>().Number != 0);
                break;
            default:
                throw ShimProtocol.Broken($"a notice of type {notice.Head.Type}");
        }
    }

    /// <summary>Looks after what nobody tells. Throws what ends the session.</summary>
    public void Watch()
    {
        Machine.Process?.Demand();
        if (_pump.Problem is { } problem)
            throw problem;
        if (_threads.Take() is { } threads)
            SendThreads(threads);
        // Each look would be several commands at the monitor, which others need, too.
        if (Machine.MemoryAccess != MemoryAccess.Monitor && !_guest.IsThere())
            throw BootedAgain();
    }

    /// <summary>Has the shim put the guest back, and takes the last records. Gives what did not work.</summary>
    public VmiException? End()
    {
        VmiException? problem = null;
        try
        {
            if (_link.End is null)
                Shim.Ask(AbiRequest.End);
        }
        catch (VmiException e)
        {
            problem = e;
        }
        if (!_pump.Finish(Machine.Limits.ShimTimeout))
            problem ??= new VmiException(VmiErrorCode.Timeout, "The last records could not be taken in time.", Machine.Name);
        _standstill.Finish();
        return problem ?? _pump.Problem;
    }

    /// <summary>To be called when it has ended, or has not begun.</summary>
    public void Dispose() => _pump.Dispose();

    private SiteConditions Conditions()
    {
        byte port = PortClaims.FirstFree(Machine.GetMonitor().HumanCommand("info mtree -f"), Ports)
            ?? throw new VmiException(VmiErrorCode.ShimUnavailable, $"The devices of '{Machine.Name}' claim all ports that traps could go to.", Machine.Name);
        bool hasLandingPads = RegisterReader.Read(Machine).Any(registers => (registers.Cr4 & ControlFlowEnforcement) != 0);
        return new SiteConditions(port, _link.Welcome.Abilities.HasFlag(AbiAbility.BlockIrq), hasLandingPads, _isHostVirtual);
    }

    /// <summary>Tells where the guest's memory lies. QEMU may change it while it is looked at: then it is looked at again.</summary>
    private void SendMemory()
    {
        for (int tries = 0; tries < MaxLooks; tries++)
        {
            Shim.Ask(AbiRequest.Memory);
            byte[] ranges = ShimRequests.Memory(MemoryTree.Read(Machine.GetMonitor().HumanCommand, withHost: true));
            if (Shim.AskAny(AbiRequest.Memory, ranges).Head.Status != -Stale)
                return;
        }
        throw new VmiException(VmiErrorCode.ShimUnavailable, $"The memory of '{Machine.Name}' changes all the time: try again when it has come up.", Machine.Name);
    }

    /// <summary>Tells which threads run which vCPUs.</summary>
    private void SendThreads(IReadOnlyList<(int Vcpu, int Thread)> threads)
    {
        if (threads.Count > AbiNumbers.MaxVcpus)
            throw new VmiException(VmiErrorCode.LimitExceeded, $"Machine '{Machine.Name}' has {threads.Count} vCPUs; the shim takes {AbiNumbers.MaxVcpus}. Use the driver GdbStub.", Machine.Name);
        Shim.Ask(AbiRequest.Threads, ShimProtocol.Bytes<AbiThread>([.. threads.Select(thread => new AbiThread { Vcpu = (uint)thread.Vcpu, Thread = (uint)thread.Thread })]));
    }

    private void Load(ShimProbe probe, ImmutableArray<CompiledBody> bodies)
    {
        foreach (CompiledBody body in bodies)
        {
            if (_programs >= AbiNumbers.MaxPrograms)
                throw new VmiException(VmiErrorCode.LimitExceeded, $"The shim takes {AbiNumbers.MaxPrograms} programs, with those of all changes.", Machine.Name);
            // It may run before this side hears that it was loaded.
            _pump.Allow(body.Program.SchemaCount);
            Shim.Ask(AbiRequest.Load, ShimRequests.Load(body.Program));
            probe.Add(((uint)_programs++, body.IsEmpty));
        }
    }

    /// <summary>Makes the sites those that are wanted now, and gives probes bodies to run from the next event on. Throws with nothing changed.</summary>
    private void Place(IReadOnlyDictionary<int, int>? bodies = null)
    {
        bool had = _sites!.Placed.HasOwn;
        SitePlan plan = _sites.Plan([.. Wanted()], _modulesChanged);
        _modulesChanged = false;
        try
        {
            Shim.Ask(AbiRequest.Apply, ShimRequests.Apply(_inOrder, plan, bodies ?? ImmutableDictionary<int, int>.Empty));
        }
        catch
        {
            _sites.Discard(plan);
            throw;
        }
        _sites.Commit(plan);
        if (had && !plan.HasOwn)
            _events.Notice("No breakpoint is left to follow the guest's modules: what it loads from now on is not watched.", isError: true);
    }

    /// <summary>What is to be trapped at this moment.</summary>
    private IEnumerable<TrapUse> Wanted()
    {
        ShimProbe[] active = [.. _inOrder.Where(probe => probe.IsActive)];
        IEnumerable<TrapUse> wanted = active.SelectMany(probe => probe.Placed.Traps.Where(trap => _modules?.HasGone(trap) != true).Select(trap => new TrapUse(trap, probe, null)));
        wanted = WithoutAliases(wanted);
        return _modules is not null && active.Length > 0 ? wanted.Concat(_modules.Wanted()) : wanted;
    }

    /// <summary>A page that is watched is so for all addresses that lead to it: the first stands for them.</summary>
    private IEnumerable<TrapUse> WithoutAliases(IEnumerable<TrapUse> uses) => uses.DistinctBy(use =>
        use.Trap is WatchTrap watch && ShimSites.IsPage(watch) ? (object)(use.Probe, _code.Physical(watch.Place.Address, (int)watch.Length)) : use);

    /// <summary>The shim sees what QEMU does from now on, and does not know what it was about before: it has to be at rest.</summary>
    private void DemandNobodyElse()
    {
        IMachineMonitor monitor = Machine.GetMonitor();
        if (GdbServerState.Find(monitor) is { } stub && GdbServerState.DeviceOf(stub) is null)
            throw new VmiException(VmiErrorCode.StubBusy, $"A gdb client is connected to '{Machine.Name}' ({stub}): the CPU's debug registers are its. End it first.", Machine.Name);
        if (MigrationState.IsUnderWay(monitor.HumanCommand("info migrate")))
            throw new VmiException(VmiErrorCode.TrapRefused, $"Machine '{Machine.Name}' is being migrated or saved: start the probes when that is over.", Machine.Name);
    }

    private void OnPause(in AbiPause pause)
    {
        try
        {
            Pause();
        }
        catch (VmiException e) when (e.Code != VmiErrorCode.MachineLost)
        {
            _events.Notice($"The machine could not be paused: {e.Message}", isError: true, (int)pause.Probe);
        }
        // A record has no more of the number; a QEMU that was taken over may send any.
        _pauses.Follow((ushort)pause.Vcpu);
        Continue(pause.Vcpu, pause.Number, 0);
    }

    private void Continue(uint vcpu, uint number, AbiAnswer answer) =>
        // A refusal says that it was held for too long and has gone on by itself, which is told apart.
        Shim.AskAny(AbiRequest.Continue, ShimProtocol.Bytes(new AbiContinue { Vcpu = vcpu, Number = number, Answer = answer }));

    /// <summary>A vCPU is held at a site for us: a module comes or goes, or memory was touched in a way that has to be found out.</summary>
    private void OnCall(AbiCall call)
    {
        AbiAnswer answer = 0;
        var vcpu = new ShimVcpu(call, new SnapshotMemory(Machine.GetMemory()));
        int index = _sites!.Placed.Places.ToList().FindIndex(place => place.Site.Id == call.Site);
        if (index >= 0)
        {
            ImmutableArray<TrapUse> uses = _sites.Placed.Uses[index];
            if (uses[0].Trap is WatchTrap { OnRead: true } watch)
            {
                _code.Refresh(_sites.Placed.Changes(), modulesToo: false);
                answer = _judge.Answer(vcpu, watch.Place.Address, watch.Length);
            }
            foreach (TrapUse use in uses)
                use.Own?.Invoke(vcpu);
        }
        if (_modulesChanged)
            FollowModules();
        Continue(call.Vcpu, call.Number, answer);
    }

    private void FollowModules()
    {
        try
        {
            Place();
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused)
        {
            _events.Notice($"{ModuleProblem}: {e.Message}", isError: true);
        }
    }

    private VmiException BootedAgain() => new(
        VmiErrorCode.GuestChanged, $"The guest of '{Machine.Name}' has booted again: the places that the probes watched mean nothing now. Start them again.", Machine.Name);
}
