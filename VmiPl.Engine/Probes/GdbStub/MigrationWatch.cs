using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.Processes;

namespace VmiPl.Probes.GdbStub;

/// <summary>What a look at a machine's migration has shown.</summary>
internal enum MigrationStage
{
    /// <summary>There is none.</summary>
    None,
    /// <summary>Memory is on its way, with the machine running or not.</summary>
    UnderWay,
    /// <summary>It has left, or is leaving in this moment, and must not run on here.</summary>
    Departed,
}

/// <summary>Whether the machine is being migrated. A migration ends with the machine stopped; where a gdbstub has stopped it already, QEMU tells the stub
/// nothing, and the stub's client starts a machine that runs elsewhere, too (softmmu/cpus.c, <c>vm_stop_force_state</c>; seen with QEMU 7.2). The
/// monitor knows, but serves one client at a time: it is asked only when QEMU has threads that it had not before, as a migration has, and when one of
/// those has ended. A thread of its own does that, as an answer may be late: the guest waits for it no longer than
/// <see cref="Patience"/>. Used by one thread at a time.</summary>
internal sealed class MigrationWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(5), Patience = TimeSpan.FromMilliseconds(200), Rest = TimeSpan.FromSeconds(1);
    private readonly VmiMachine _machine;
    private readonly AutoResetEvent _asked = new(false);
    private readonly ManualResetEventSlim _answered = new(true);
    private readonly Thread _thread;
    private readonly HashSet<int> _known = [];
    private MigrationStage? _answer;   // given on by _answered; null where there was none
    private bool _ends;
    private List<int> _new = [];
    private long _last;
    private TimeSpan _pause = Interval;

    /// <summary>Begins to watch.</summary>
    public MigrationWatch(VmiMachine machine)
    {
        _machine = machine;
        _thread = new Thread(Run) { IsBackground = true, Name = "VmiPl migration" };
        _thread.Start();
    }

    /// <summary>What the last look has shown. <see cref="MigrationStage.Departed"/> becomes <see cref="MigrationStage.None"/> when nothing of the
    /// migration is left: the machine then is one that is paused.</summary>
    public MigrationStage Stage { get; private set; }

    /// <summary>Looks again, unless it has just done so.</summary>
    public void Look()
    {
        if (_machine.ProcessId is not { } process || (_last != 0 && Stopwatch.GetElapsedTime(_last) < _pause))
            return;
        _last = Stopwatch.GetTimestamp();
        IReadOnlyList<int> all = ProcFs.Threads(process);
        _known.IntersectWith(all);
        List<int> threads = [.. all.Where(thread => !_known.Contains(thread))];
        int before = _new.Count;
        _new = threads;
        if (threads.Count == 0)
            Stage = MigrationStage.None;
        else if (Stage == MigrationStage.None || threads.Count < before)
            Ask();
    }

    /// <summary>Ends it, after the look that is under way. May be called again, and by any thread.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ends, true))
            return;
        _asked.Set();
        _thread.Join();
        _asked.Dispose();
        _answered.Dispose();
    }

    private void Ask()
    {
        if (_answered.IsSet)
        {
            _answered.Reset();
            _asked.Set();
        }
        MigrationStage? answer = _answered.Wait(Patience) ? _answer : null;
        // A monitor that somebody else uses is not waited for at each event.
        _pause = answer is null ? Rest : Interval;
        Stage = answer ?? Stage;
        if (answer == MigrationStage.None)
            _known.UnionWith(_new);
    }

    /// <summary>Reads the monitor's words: <c>info migrate</c>, and <c>info status</c> where it takes that, too.</summary>
    internal static MigrationStage Read(string migration, Func<string> status)
    {
        bool isUnderWay = MigrationState.IsUnderWay(migration);
        if ((isUnderWay || MigrationState.IsCompleted(migration)) && status().Contains("migrate", StringComparison.Ordinal))
            return MigrationStage.Departed;
        return isUnderWay ? MigrationStage.UnderWay : MigrationStage.None;
    }

    private void Run()
    {
        while (_asked.WaitOne() && !Volatile.Read(ref _ends))
        {
            try
            {
                IMachineMonitor monitor = _machine.GetMonitor();
                _answer = Read(monitor.HumanCommand("info migrate"), () => monitor.HumanCommand("info status"));
            }
            catch (VmiException)
            {
                _answer = null;   // the monitor is somebody else's now, or the machine is gone
            }
            _answered.Set();
        }
    }
}
