using System.Collections.Immutable;
using System.Diagnostics;
using System.Net.Sockets;
using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Machines.Processes;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Streams;

namespace VmiPl.Probes.Shim;

/// <summary>The driver that works inside QEMU: programs run in the vCPU's own thread, and their records come through shared memory. One thread takes the records,
/// one deals with what the shim tells and looks after what nobody tells; requests of others are made between two of these. When the
/// connection ends, in whatever way, the shim puts the guest back as it was by itself.</summary>
internal sealed class ShimDriver : IProbeDriver
{
    // How often the machine is looked at.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly LinuxGuest _guest;
    private readonly IDriverEvents _events;
    private readonly TrapKind _kind;
    private readonly PrivilegedWrite _kinds;
    private readonly ShimLink _link;
    private readonly int? _unload;
    private readonly bool _isHostVirtual;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private ShimSession? _session;
    private Thread? _thread;
    private readonly object _handledSign = new();
    private bool _ended, _disposed;
    private long _handled;
    private VmiException? _problem;

    private ShimDriver(LinuxGuest guest, IDriverEvents events, TrapKind kind, PrivilegedWrite kinds, ShimLink link, int? unload, bool isHostVirtual)
    {
        (_guest, _events, _kind, _kinds, _link, _unload, _isHostVirtual) = (guest, events, kind, kinds, link, unload, isHostVirtual);
    }

    /// <inheritdoc/>
    public string Name => "Shim";

    private VmiMachine Machine => _guest.Machine;

    /// <summary>Comes by the machine's shim; nothing in the guest is touched. <paramref name="kinds"/> are the privileged instructions that probes wait for,
    /// for modules that come later. Throws <c>ShimUnavailable</c> with what stands in the way.</summary>
    public static ShimDriver Open(LinuxGuest guest, IDriverEvents events, SessionOptions options, PrivilegedWrite kinds)
    {
        Socket socket = ShimDoor.Open(guest.Machine, out bool isInjected);
        return Open(guest, events, options, kinds, socket, isInjected ? guest.Machine.ProcessId : null, HostCpu.IsVirtual);
    }

    /// <summary>Says hello over a socket, which it takes over. <paramref name="unload"/> is the process out of which the shim is to be taken at the end, or
    /// null.</summary>
    internal static ShimDriver Open(
        LinuxGuest guest, IDriverEvents events, SessionOptions options, PrivilegedWrite kinds, Socket socket, int? unload = null, bool isHostVirtual = false)
    {
        AbiPolicy policy = options.Streams.OnFull == FullPolicy.Block ? AbiPolicy.Block : AbiPolicy.Drop;
        ShimLink link = ShimLink.Open(guest.Machine, socket, policy, options.Streams.BlockTimeout);
        return new ShimDriver(guest, events, options.TrapKind, kinds, link, unload, isHostVirtual);
    }

    /// <inheritdoc/>
    public void Start(ImmutableArray<PlacedProbe> probes)
    {
        _session = new ShimSession(_guest, _events, _kind, _kinds, _link, _isHostVirtual, probes);
        _session.Start();
        _thread = new Thread(Run) { Name = $"VmiPl probes of {Machine.Name}", IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Reconfigure(IReadOnlyDictionary<int, ImmutableArray<CompiledBody>> newBodies, IReadOnlyList<(int Probe, int Body)> selections) =>
        Change(session => session.Reconfigure(newBodies, selections));

    /// <inheritdoc/>
    public void Enable(int probe, bool enabled) => Change(session => session.Enable(probe, enabled));

    /// <inheritdoc/>
    public int Request(ulong request)
    {
        int done = 0;
        Change(session => done = session.Request(request));
        // What the programs have asked for, a pause, is told before the shim's answer.
        AwaitNotices(_link.Told);
        return done;
    }

    /// <inheritdoc/>
    public void Pause() => Do(session => session.Pause());

    /// <inheritdoc/>
    public ProbeCounters CountersOf(int probe) => _session?.CountersOf(probe) ?? default;

    /// <inheritdoc/>
    public ImmutableArray<string> PlacesOf(PlacedProbe probe)
    {
        if (_session is not { } session)
            return [];
        lock (_lock)
            return session.PlacesOf(probe);
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _stop.Cancel();
        _thread?.Join();
        if (Interlocked.Exchange(ref _problem, null) is { } problem)
            throw problem;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        try
        {
            Stop();
        }
        catch (VmiException)
        {
            // Whoever wants to know calls Stop.
        }
        if (_thread is null)
            Leave();
        _stop.Dispose();
    }

    /// <summary>Changes something; what was seen before is in the streams when it returns, as with a driver that works in this process.</summary>
    private void Change(Action<ShimSession> action)
    {
        Do(action);
        _session?.CatchUp();
    }

    /// <summary>Does something between two events that the shim tells.</summary>
    private void Do(Action<ShimSession> action)
    {
        if (_session is not { } session)
            return;
        lock (_lock)
        {
            if (!_ended)
                action(session);
        }
    }

    /// <summary>The driver's thread.</summary>
    private void Run()
    {
        VmiException? reason = null;
        try
        {
            long watched = Stopwatch.GetTimestamp();
            while (!_stop.IsCancellationRequested)
            {
                if (_link.TryTakeNotice(out ShimMessage notice, Tick, _stop.Token))
                    Handle(notice);
                else if (_link.End is { } end)
                    throw end;
                if (Stopwatch.GetElapsedTime(watched) >= Tick && !_stop.IsCancellationRequested)
                {
                    Do(session => session.Watch());
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
        if (reason is not null)
            _events.Ended(reason);
    }

    private void Handle(ShimMessage notice)
    {
        Do(session => session.OnNotice(notice));
        lock (_handledSign)
        {
            _handled++;
            Monitor.PulseAll(_handledSign);
        }
    }

    private void AwaitNotices(long count)
    {
        lock (_handledSign)
        {
            while (_handled < count && _thread is { IsAlive: true } && Monitor.Wait(_handledSign, Machine.Limits.MonitorTimeout))
            {
            }
        }
    }

    /// <summary>Takes everything out and leaves. Gives the reason for an end that nobody asked for.</summary>
    private VmiException? Finish(VmiException? reason)
    {
        VmiException? problem;
        lock (_lock)
        {
            _ended = true;
            problem = _session!.End();
        }
        Leave();
        if (reason is null)
        {
            _problem = problem;
            return null;
        }
        if (Machine.Process is { } process && !process.IsAlive())
            return new VmiException(VmiErrorCode.MachineLost, $"Machine '{Machine.Name}' has ended.", Machine.Name, reason);
        return problem is null || reason.Code is VmiErrorCode.ShimLost or VmiErrorCode.Timeout ? reason : new VmiException(reason.Code, $"{reason.Message} {problem.Message}", Machine.Name, reason);
    }

    private void Leave()
    {
        _session?.Dispose();
        _link.Dispose();
        if (_unload is int process && ShimInjector.Unload(process) is { } reason)
            _events.Notice($"The shim's library stays in process {process} and does nothing there; the next session takes it out at its end. It could not be taken out now: {reason}.", isError: true);
    }
}
