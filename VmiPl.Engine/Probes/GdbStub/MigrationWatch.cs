using System.Diagnostics;
using System.Text.RegularExpressions;
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
/// those has ended. A thread does that, as an answer may be late, and the guest waits for it no longer than <see cref="Patience"/>. Otherwise for one thread.</summary>
internal sealed partial class MigrationWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(5), Patience = TimeSpan.FromMilliseconds(200), Rest = TimeSpan.FromSeconds(1);
    private readonly VmiMachine _machine;
    private readonly AutoResetEvent _asked = new(false);
    private readonly ManualResetEventSlim _answered = new(true);
    private readonly Thread _thread;
    private readonly HashSet<int> _known = [];
    private volatile MigrationStage _seen;
    private volatile bool _failed, _ends;
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

    /// <summary>Ends it, after the look that is under way.</summary>
    public void Dispose()
    {
        _ends = true;
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
        bool isAnswer = _answered.Wait(Patience) && !_failed;
        // A monitor that somebody else uses is not waited for at each event.
        _pause = isAnswer ? Interval : Rest;
        if (!isAnswer)
            return;
        Stage = _seen;
        if (Stage == MigrationStage.None)
            _known.UnionWith(_new);
    }

    /// <summary>Reads the monitor's words: <c>info migrate</c>, of QEMU before 10 and later, and <c>info status</c>.</summary>
    internal static MigrationStage Read(string migration, Func<string> status) => Status().Match(migration) is not { Success: true } match ? MigrationStage.None
        : match.Groups[1].Value is "none" or "failed" or "cancelled" ? MigrationStage.None
        : status().Contains("migrate", StringComparison.Ordinal) ? MigrationStage.Departed
        : match.Groups[1].Value == "completed" ? MigrationStage.None : MigrationStage.UnderWay;

    private void Run()
    {
        while (_asked.WaitOne() && !_ends)
        {
            try
            {
                IMachineMonitor monitor = _machine.GetMonitor();
                _seen = Read(monitor.HumanCommand("info migrate"), () => monitor.HumanCommand("info status"));
                _failed = false;
            }
            catch (VmiException)
            {
                _failed = true;   // the monitor is somebody else's now, or the machine is gone
            }
            _answered.Set();
        }
    }

    [GeneratedRegex(@"^\s*(?:Migration status|Status):\s*([a-z-]+)", RegexOptions.Multiline)]
    private static partial Regex Status();
}
