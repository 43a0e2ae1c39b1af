using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes.Interpreter;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Streams;

namespace VmiPl.Probes.Shim;

/// <summary>Takes records out of a ring and hands them on, on a thread of its own, until all that was made is taken.</summary>
internal sealed class ShimPump : IDisposable
{
    private const int Tick = 200;

    // To be woken costs the vCPU that has an event a system call, more than all else that an event of one register takes. While events come we look for ourselves.
    private const int Naps = 5, NapMilliseconds = 1;

    private readonly ShimRing _ring;
    private readonly IDriverEvents _events;
    private readonly string _machine;
    private readonly IReadOnlySet<int> _probes;
    private readonly PauseGate _pauses;
    private readonly TimeSpan _answerTime;
    private readonly EventSignal _stop = new();
    private readonly Dictionary<int, ulong> _announced = [];
    private readonly Thread _thread;
    private readonly object _handedSign = new();
    private ulong _handed;
    private volatile int _schemas;
    private volatile bool _finishing;
    private volatile VmiException? _problem;

    /// <summary>Makes a pump for the records of these probes; it starts at once. Owns nothing. A vCPU that wants a pause is held for
    /// <paramref name="answerTime"/> at most.</summary>
    public ShimPump(ShimRing ring, IDriverEvents events, string machine, IReadOnlySet<int> probes, PauseGate pauses, TimeSpan answerTime)
    {
        _ring = ring;
        _events = events;
        _machine = machine;
        _probes = probes;
        _pauses = pauses;
        _answerTime = answerTime;
        _thread = new Thread(Run) { Name = $"VmiPl records of {machine}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Why no more records can be taken, or null.</summary>
    public VmiException? Problem => _problem;

    /// <summary>Records may be of schemas below this from now on.</summary>
    public void Allow(int schemas) => _schemas = Math.Max(_schemas, schemas);

    /// <summary>Waits until all records that have been begun by now are handed on, at most <paramref name="time"/>: whoever has changed probes finds what they
    /// have seen before.</summary>
    public void CatchUp(TimeSpan time)
    {
        ulong end = _ring.Begun;
        long start = Stopwatch.GetTimestamp();
        lock (_handedSign)
        {
            while ((long)(Volatile.Read(ref _handed) - end) < 0 && _thread.IsAlive && Stopwatch.GetElapsedTime(start) < time)
                Monitor.Wait(_handedSign, Tick / 10);
        }
    }

    /// <summary>Nothing more is made: waits until all is handed on, at most <paramref name="time"/>, and tells of losses that were not told. Called once; false where
    /// the time was too short.</summary>
    public bool Finish(TimeSpan time)
    {
        _finishing = true;
        _pauses.Open();
        _stop.Set();
        return _thread.Join(time);
    }

    /// <summary>To be called after <see cref="Finish"/>.</summary>
    public void Dispose()
    {
        if (!_thread.IsAlive)
            _stop.Dispose();
    }

    private void Run()
    {
        try
        {
            for (int quiet = 0; ; quiet++)
            {
                bool isLast = _finishing;
                // What a shim makes while it is taken is not to keep this thread for ever.
                ulong end = _ring.Begun;
                while (_ring.TryTake(out AbiRecord record, out ReadOnlySpan<byte> bytes))
                {
                    quiet = 0;
                    Hand(record, bytes);
                    Volatile.Write(ref _handed, _ring.Taken);
                    if (isLast && (long)(_ring.Taken - end) >= 0)
                        break;
                }
                // Padding is taken, too, and has no record.
                Volatile.Write(ref _handed, _ring.Taken);
                lock (_handedSign)
                    Monitor.PulseAll(_handedSign);
                if (isLast)
                    break;
                if (quiet < Naps)
                    _ring.Nap(_stop, NapMilliseconds);
                else
                    _ring.Wait(_stop, Tick);
            }
            _ring.Release();
            AnnounceRest();
        }
        catch (VmiException e)
        {
            _problem = e;
        }
        catch (Exception e)
        {
            _problem = new VmiException(VmiErrorCode.ShimLost, $"The shim's records cannot be taken: {e.Message}", _machine, e);
        }
    }

    private void Hand(in AbiRecord record, ReadOnlySpan<byte> bytes)
    {
        int probe = (int)record.Probe;
        if (!_probes.Contains(probe))
            throw ShimProtocol.Broken($"a record of probe {record.Probe}, which there is not");
        var origin = new RecordOrigin(DateTime.UnixEpoch.AddTicks((long)(record.Time / 100)), (long)record.Sequence, _machine, record.Vcpu);
        switch (record.Kind)
        {
            case AbiRecordKind.Data or AbiRecordKind.Kept:
                if (record.Schema >= (uint)_schemas)
                    throw ShimProtocol.Broken($"a record of schema {record.Schema}, which there is not");
                if (record.Kind == AbiRecordKind.Kept)
                    _pauses.Await(record.Vcpu, origin.Time, _answerTime);
                _events.Record((int)record.Schema, origin, bytes);
                break;
            case AbiRecordKind.Loss:
                _announced[probe] = _announced.GetValueOrDefault(probe) + record.Schema;
                _events.Lost(probe, record.Schema, origin);
                break;
            case AbiRecordKind.Ended:
                _events.Notice($"The program of probe {probe} was ended at instruction {record.Sequence}: {(ProgramEnd)record.Schema}.", isError: true, probe);
                break;
        }
    }

    /// <summary>The last losses of all found no room to be told of.</summary>
    private void AnnounceRest()
    {
        foreach (int probe in _probes)
        {
            AbiCounters counters = _ring.CountersOf(probe);
            ulong announced = _announced.GetValueOrDefault(probe), lost = Math.Min(counters.Lost, counters.Records);
            if (lost > announced && lost <= long.MaxValue)
                _events.Lost(probe, (long)(lost - announced), new RecordOrigin(DateTime.UtcNow, (long)(counters.Records - (lost - announced)), _machine, -1));
        }
    }
}
