using System.Collections.Immutable;
using VmiPl.Compilation;
using VmiPl.Compilation.Records;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Streams;

namespace VmiPl.Probes;

/// <summary>A script at work on one machine, from <see cref="Start"/> until it is stopped, the guest ends or this process ends. Owns its outputs and
/// what it has placed in the machine, not the machine. Safe from any thread.</summary>
public sealed class ProbeSession : IDriverEvents, IDisposable
{
    private readonly LinuxGuest _guest;
    private readonly SessionOptions _options;
    private readonly StreamSet _outputs;
    // Stream probes at work, and how many records those have made that were switched off; changed under the lock, read at any time.
    private volatile ImmutableDictionary<int, StreamProbeRunner> _runners = ImmutableDictionary<int, StreamProbeRunner>.Empty;
    private volatile ImmutableDictionary<int, long> _made = ImmutableDictionary<int, long>.Empty;
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _control = new();
    private IProbeDriver? _driver;
    private ImmutableDictionary<int, PlacedProbe> _placed = ImmutableDictionary<int, PlacedProbe>.Empty;
    private volatile CompiledScript _script;
    private int _state;

    private ProbeSession(LinuxGuest guest, CompiledScript script, SessionOptions options)
    {
        _guest = guest;
        _script = script;
        _options = options;
        IEnumerable<StreamProbe> network = script.Script.StreamProbes.Where(probe => probe.MacAddress is not null);
        IEnumerable<StreamProbe> keyboard = script.Script.StreamProbes.Where(probe => probe.MacAddress is null);
        _outputs = new StreamSet(
            script.Schemas.Select(schema => schema.Output).Concat(keyboard.Select(probe => probe.Output)).Distinct(),
            network.Select(probe => probe.Output).Distinct(), options.Streams);
    }

    /// <summary>The machine.</summary>
    public VmiMachine Machine => _guest.Machine;

    /// <summary>The script that was started.</summary>
    public VmiScript Script => _script.Script;

    /// <summary>What makes the probes run; null where the script has only stream probes.</summary>
    public string? Driver => _driver?.Name;

    /// <summary>Whether the probes are at work.</summary>
    public SessionState State => (SessionState)Volatile.Read(ref _state);

    /// <summary>Why the session has ended by itself; null where it has not.</summary>
    public VmiException? Failure { get; private set; }

    /// <summary>When it was started, UTC.</summary>
    public DateTime StartTime { get; } = DateTime.UtcNow;

    /// <summary>Completes when the session is over, in whatever way.</summary>
    public Task Over => _over.Task;

    /// <summary>The streams that can be read; what waits in them can be read after the end, too.</summary>
    public StreamSet Outputs => _outputs;

    /// <summary>Every probe as it is now, by id.</summary>
    public ImmutableArray<ProbeStatus> Probes =>
    [
        .. _script.Probes.Select(probe => StatusOf(probe.Probe)),
        .. _script.Script.StreamProbes.Select(StatusOf),
    ];

    /// <summary>Places a script's probes, all or none, and lets them work. What can be said of them beforehand is written to <c>#default</c>. Throws
    /// <c>InvalidArgument</c> for a script with errors, and why probes cannot be placed or outputs cannot be opened; then nothing is left
    /// behind.</summary>
    public static ProbeSession Start(LinuxGuest guest, CompiledScript script, SessionOptions? options = null)
    {
        if (script.HasErrors || script.IsEstimate || script.Script.Reconfigurations.Length > 0)
            throw new VmiException(VmiErrorCode.InvalidArgument, "The script cannot be started: it has errors, was compiled for no guest, or only changes probes that run.", guest.Machine.Name);
        var session = new ProbeSession(guest, script, options ?? new SessionOptions());
        try
        {
            session.Place();
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Applies a reconfiguration script, all of it or nothing, between two events. Gives what the compiler says; where that has errors, nothing
    /// was changed. Throws why it cannot be done.</summary>
    public ImmutableArray<Diagnostic> Reconfigure(VmiScript script)
    {
        lock (_control)
        {
            Demand();
            CompiledScript running = _script;
            CompiledReconfiguration change = ScriptCompiler.CompileReconfiguration(script, running, _guest);
            if (change.HasErrors || _driver is null)
                return change.Diagnostics;
            _outputs.Add(change.NewSchemas.Select(schema => schema.Output));
            // Schemas first: a program may run before the driver has returned.
            _script = running with { Schemas = running.Schemas.AddRange(change.NewSchemas) };
            try
            {
                _driver.Reconfigure(change.NewBodies, change.Selections);
            }
            catch
            {
                _script = running;
                throw;
            }
            _script = _script with
            {
                Probes = [.. running.Probes.Select(probe => change.NewBodies.TryGetValue(probe.Probe.Id, out ImmutableArray<CompiledBody> bodies) ? probe with { Bodies = probe.Bodies.AddRange(bodies) } : probe)],
            };
            return change.Diagnostics;
        }
    }

    /// <summary>Switches a probe on or off. Throws <c>InvalidArgument</c> for one that there is not, and why it cannot be placed again.</summary>
    public void Enable(int probe, bool enabled)
    {
        lock (_control)
        {
            Demand();
            if (Script.StreamProbes.FirstOrDefault(stream => stream.Id == probe) is { } stream)
                EnableStream(stream, enabled);
            else if (_driver is not null && _script.Probes.Any(known => known.Probe.Id == probe))
                _driver.Enable(probe, enabled);
            else
                throw new VmiException(VmiErrorCode.InvalidArgument, $"The script has no probe {probe}.", Machine.Name);
        }
    }

    /// <summary>Fires the probes that wait for a request of that id; returns how many there are.</summary>
    public int Request(ulong request)
    {
        lock (_control)
        {
            Demand();
            return _driver?.Request(request) ?? 0;
        }
    }

    /// <summary>Pauses the machine, until somebody resumes it. A pause that QEMU is asked for at the moment of an event would be lost: the machine stands
    /// still already then.</summary>
    public void Pause()
    {
        lock (_control)
        {
            Demand();
            if (_driver is null)
                Machine.GetMonitor().Suspend();
            else
                _driver.Pause();
        }
    }

    /// <summary>Takes everything out of the machine, writes files to their end, and lets readers have what waits. Does nothing where the session is
    /// over. Throws where something could not be restored.</summary>
    public void Stop() => Finish();

    /// <summary>Stops without a word.</summary>
    public void Dispose()
    {
        try
        {
            Stop();
        }
        catch (VmiException)
        {
            // There is nobody left to tell; the driver has left what it could not do to its guardian.
        }
        _driver?.Dispose();
    }

    void IDriverEvents.Record(int schema, in RecordOrigin origin, ReadOnlySpan<byte> bytes)
    {
        RecordSchema known = _script.Schemas[schema];
        _outputs.Write(known.Output, RecordDecoder.Decode(known, origin, bytes));
    }

    void IDriverEvents.Lost(int probe, long count, in RecordOrigin first)
    {
        CompiledScript script = _script;
        EventProbe? about = script.Probes.FirstOrDefault(known => known.Probe.Id == probe)?.Probe;
        _outputs.WriteLoss(script.Schemas.Where(schema => schema.ProbeId == probe).Select(schema => schema.Output), new LossRecord
        {
            Lost = count, Time = first.Time, Sequence = first.Sequence, Machine = first.Machine, Vcpu = first.Vcpu, ProbeId = probe, Label = about?.Label, Event = about?.EventName ?? "",
        });
    }

    void IDriverEvents.Notice(string text, bool isError, int? probe) => Tell(text, isError, probe);

    void IDriverEvents.Ended(VmiException reason)
    {
        Failure = reason;
        Tell(reason.Message, isError: true, probe: null);
        // Not on the driver's thread: the driver is to be joined.
        Task.Run(Finish);
    }

    private void Place()
    {
        if (_script.Probes.Length > 0)
        {
            var resolver = new TrapResolver(_guest);
            ImmutableArray<PlacedProbe> placed = resolver.Resolve(_script.Probes);
            _placed = placed.ToImmutableDictionary(probe => probe.Id);
            foreach (string note in resolver.Notes)
                Tell(note, isError: false, probe: null);
            _driver = DriverChoice.Open(_guest, this, _options, resolver.Kinds);
            _driver.Start(placed);
        }
        foreach (StreamProbe stream in Script.StreamProbes)
            EnableStream(stream, enabled: true);
    }

    private void EnableStream(StreamProbe stream, bool enabled)
    {
        if (enabled && !_runners.ContainsKey(stream.Id))
        {
            _runners = _runners.Add(stream.Id, StreamProbeRunner.Start(Machine, stream, _outputs, _made.GetValueOrDefault(stream.Id)));
        }
        else if (!enabled && _runners.TryGetValue(stream.Id, out StreamProbeRunner? runner))
        {
            runner.Dispose();
            _made = _made.SetItem(stream.Id, runner.Records);
            _runners = _runners.Remove(stream.Id);
        }
    }

    private void Finish()
    {
        lock (_control)
        {
            if (State != SessionState.Running)
                return;
            try
            {
                _driver?.Stop();
            }
            finally
            {
                foreach (StreamProbeRunner runner in _runners.Values)
                    runner.Dispose();
                _outputs.Complete();
                Volatile.Write(ref _state, (int)(Failure is null ? SessionState.Stopped : SessionState.Ended));
                _over.TrySetResult();
            }
        }
    }

    private void Demand()
    {
        if (State != SessionState.Running)
            throw new VmiException(VmiErrorCode.InvalidArgument, $"The probes of machine '{Machine.Name}' are no longer at work{(Failure is null ? "" : $": {Failure.Message}")}", Machine.Name);
    }

    private void Tell(string text, bool isError, int? probe)
    {
        EventProbe? about = _script.Probes.FirstOrDefault(known => known.Probe.Id == probe)?.Probe;
        _outputs.Write(Output.Default, new NoticeRecord
        {
            Time = DateTime.UtcNow, Machine = Machine.Name, Vcpu = -1, ProbeId = about?.Id ?? -1, Label = about?.Label, Event = about?.EventName ?? "",
            Stream = Output.DefaultStream, Text = text, Error = isError ? text : null,
        });
    }

    private ProbeStatus StatusOf(EventProbe probe)
    {
        ProbeCounters counters = _driver?.CountersOf(probe.Id) ?? default;
        return new ProbeStatus
        {
            Id = probe.Id, Label = probe.Label, Event = probe.EventName, Places = _placed.TryGetValue(probe.Id, out PlacedProbe? placed) && _driver is { } driver ? driver.PlacesOf(placed) : [], IsEnabled = counters.IsEnabled,
            IsSilent = counters.IsSilent, Body = counters.Body, Hits = counters.Hits, Filtered = counters.Filtered, Records = counters.Records,
            Lost = _outputs.LostOf(probe.Id), Time = counters.Time,
        };
    }

    private ProbeStatus StatusOf(StreamProbe stream)
    {
        bool isEnabled = _runners.TryGetValue(stream.Id, out StreamProbeRunner? runner);
        long records = runner?.Records ?? _made.GetValueOrDefault(stream.Id);
        return new ProbeStatus
        {
            Id = stream.Id, Label = stream.Label, Event = stream.MacAddress is null ? "CaptureKeyboardInput" : "CaptureNetwork", IsEnabled = isEnabled,
            Hits = records, Records = records, Lost = _outputs.LostOf(stream.Id),
        };
    }
}
