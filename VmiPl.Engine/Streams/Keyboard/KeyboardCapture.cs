using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Streams.Keyboard;

/// <summary>Every key that goes down or up on the virtual keyboards of a running machine (PS/2, USB, virtio alike: QEMU traces keys before it gives them to a
/// device, so the device is not told), through QEMU's trace events, from <see cref="Start"/> until it is disposed. That puts trace events and log back
/// as they were; meanwhile what others log still goes where it went. One open file more stays in QEMU where its log was its stderr,
/// which can be opened again only by the name <c>/dev/stderr</c>.</summary>
public sealed class KeyboardCapture : IDisposable
{
    private const int LookEveryMs = 200, LastKeysMs = 2000;
    // QEMU 11 turns numbers into names first, and has the first event only (ui/trace-events).
    private static readonly string[] Events = ["input_event_key_qcode", "input_event_key_number"];
    private readonly IMachineMonitor _monitor;
    private readonly IKeySink _sink;
    private readonly LogFile _log;
    private readonly List<string> _switchedOn = [];
    private readonly Thread _reader;
    private long _stopAt = long.MaxValue;
    private int _disposed;

    private KeyboardCapture(VmiMachine machine, int processId, IKeySink sink)
    {
        _monitor = machine.GetMonitor();
        _sink = sink;
        string[] off = EventsThatAreOff();
        _log = new LogFile(processId, _monitor);
        try
        {
            foreach (string name in off)
                SwitchOn(name);
        }
        catch
        {
            SwitchOff();
            _log.TryRestore();
            _log.Dispose();
            throw;
        }
        _reader = new Thread(Run) { IsBackground = true, Name = "VmiPl keys" };
        _reader.Start();
    }

    /// <summary>Begins to capture. <paramref name="sink"/> is called on a thread of the capture. Throws <c>NotSupported</c> where this QEMU cannot log
    /// its trace events, <c>AccessDenied</c> where this user may not make that safe, and what the monitor throws.</summary>
    public static KeyboardCapture Start(VmiMachine machine, IKeySink sink)
    {
        int processId = machine.ProcessId ?? throw new VmiException(
            VmiErrorCode.NotSupported, $"The keys of '{machine.Name}' cannot be captured: its QEMU process cannot be seen from here.", machine.Name);
        return new KeyboardCapture(machine, processId, sink);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        SwitchOff();
        string? problem = _log.TryRestore();
        Volatile.Write(ref _stopAt, Environment.TickCount64);
        _reader.Join();
        _log.Dispose();
        if (problem is not null)
            _sink.Trouble($"QEMU's log could not be put back: {problem}");
    }

    /// <summary>Of the events that this QEMU has, those that are off; it prints <c>NAME : state 0</c> for one (7.2, 10.0, 11.1).</summary>
    private string[] EventsThatAreOff()
    {
        string state = string.Concat(Events.Select(name => _monitor.HumanCommand($"info trace-events {name}")));
        // Of QEMU's trace backends only "log" can be read here; its help says whether it has that one (util/log.c, monitor/hmp.c).
        if (!Events.Any(name => state.Contains(name + " : state ", StringComparison.Ordinal)) || !_monitor.HumanCommand("help log").Contains("trace:PATTERN", StringComparison.Ordinal))
            throw new VmiException(
                VmiErrorCode.NotSupported,
                "This QEMU was built without the trace backend `log`, through which its keys are seen. Debian's and Ubuntu's have it; one of your own needs `configure --enable-trace-backends=log`.",
                Events[0]);
        return [.. Events.Where(name => state.Contains(name + " : state 0", StringComparison.Ordinal))];
    }

    private void SwitchOn(string name)
    {
        _switchedOn.Add(name);
        string answer = _monitor.HumanCommand($"trace-event {name} on").Trim();
        if (answer.Length > 0)
            throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU refused to trace its keys: {answer}", name);
    }

    private void SwitchOff()
    {
        foreach (string name in _switchedOn)
        {
            try
            {
                _monitor.HumanCommand($"trace-event {name} off");
            }
            catch (VmiException)
            {
                // QEMU is gone or does not answer; the log that it writes into goes nowhere then.
            }
        }
    }

    private void Run()
    {
        var lines = new TraceLog();
        byte[] buffer = new byte[64 * 1024];
        while (true)
        {
            if (_log.Pipe.IsNearlyFull)
                _sink.Trouble("QEMU logged faster than was read; keys may be missing here.");
            int got = _log.Pipe.Read(buffer);
            if (got > 0)
                lines.Feed(buffer.AsSpan(0, got), (key, down, device) => _sink.Key(new KeyStroke(DateTime.UtcNow, key, down, device)), _log.PassOn);
            else if (got < 0)
                _log.Pipe.Wait(LookEveryMs);
            long late = Environment.TickCount64 - Volatile.Read(ref _stopAt);
            if (got == 0 && late < 0)
                _sink.Trouble("The capture of keys has ended: QEMU is gone, or somebody gave it another log file.");
            // QEMU closes the old log a little after it has the new one; if it does not answer, it is not waited for.
            if (got == 0 || late > LastKeysMs)
                return;
        }
    }
}
