using System.Diagnostics;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines;
using VmiPl.Machines.Processes;

namespace VmiPl.Streams.Keyboard;

/// <summary>QEMU's log, turned into a pipe for a while (HMP <c>logfile</c>). QEMU does not say where its log went before: that is seen from which of its
/// files it closes, and the file is borrowed beforehand, so that what is none of ours can still go there. Without such a file it was
/// QEMU's stderr. Used by one thread at a time.</summary>
internal sealed class LogFile : IDisposable
{
    private const string Stderr = "/dev/stderr";
    private const int StderrNumber = 2, WriteOnly = 1, AccessMask = 3, StepMs = 10;
    // QEMU's threads go on with the old file while they translate or execute; on a slow host that is seconds.
    private static readonly TimeSpan CloseTime = TimeSpan.FromSeconds(10);
    private readonly IMachineMonitor _monitor;
    private readonly string _path;
    private readonly SafeFileHandle? _before;

    /// <summary>Turns the log. Throws what <see cref="QemuPipe"/> and the monitor throw; the log then is where it was.</summary>
    public LogFile(int processId, IMachineMonitor monitor)
    {
        _monitor = monitor;
        Dictionary<int, (string Path, SafeFileHandle? File)> files = WrittenFiles(processId);
        try
        {
            Pipe = new QemuPipe(processId);
            string answer = monitor.HumanCommand($"logfile {Quoted(Pipe.QemuPath)}").Trim();
            if (answer.Length > 0)
                throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU's log cannot be read: {answer}", Pipe.QemuPath);
            // A QEMU that made itself a daemon moves its stderr, and with it the log.
            bool isDaemon = ProcFs.Arguments(processId).Any(a => a is "-daemonize" or "--daemonize");
            int number = isDaemon ? StderrNumber : Closed(processId, files) ?? StderrNumber;
            (string path, _before) = files.GetValueOrDefault(number, (Stderr, null));
            _path = (number != StderrNumber || isDaemon) && !path.EndsWith(" (deleted)", StringComparison.Ordinal) ? path : Stderr;
            files.Remove(number);
            Pipe.Secure();
        }
        catch
        {
            // Where nothing was changed, this opens the same file once more.
            if (_path is not null)
                TryRestore();
            Pipe?.Dispose();
            _before?.Dispose();
            throw;
        }
        finally
        {
            foreach ((_, SafeFileHandle? file) in files.Values)
                file?.Dispose();
        }
    }

    /// <summary>What QEMU writes.</summary>
    public QemuPipe Pipe { get; }

    /// <summary>Writes where the log went before, if that is possible; never throws.</summary>
    public void PassOn(ReadOnlySpan<byte> bytes)
    {
        if (_before is not null)
            NativeFile.WriteOn(_before, bytes, out _);
    }

    /// <summary>Puts the log back where it was; null, or what is wrong. QEMU then closes the pipe.</summary>
    public string? TryRestore()
    {
        try
        {
            string answer = _monitor.HumanCommand($"logfile {Quoted(_path)}").Trim();
            return answer.Length == 0 ? null : answer;
        }
        catch (VmiException e)
        {
            return e.Message;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Pipe.Dispose();
        _before?.Dispose();
    }

    /// <summary>The files that QEMU only writes, as a log is (fopen with "w" or "a"), and its stderr.</summary>
    private static Dictionary<int, (string, SafeFileHandle?)> WrittenFiles(int processId)
    {
        var files = new Dictionary<int, (string, SafeFileHandle?)>();
        foreach ((int number, string target) in ProcFs.OpenFiles(processId))
        {
            if (number == StderrNumber || (number > StderrNumber && target.StartsWith('/') && IsWriteOnly(processId, number)))
                files[number] = (target, BorrowedDescriptor.TryTake(processId, number, out _));
        }
        return files;
    }

    private static bool IsWriteOnly(int processId, int number)
    {
        string facts = ProcFs.ReadText(processId, string.Create(CultureInfo.InvariantCulture, $"fdinfo/{number}"), out _) ?? "";
        string? flags = facts.Split('\n').FirstOrDefault(l => l.StartsWith("flags:", StringComparison.Ordinal))?[6..].Trim();
        return flags is { Length: > 0 } && (flags[^1] - '0' & AccessMask) == WriteOnly;
    }

    /// <summary>Which of the files QEMU closes; it does so when its threads have stopped using it (RCU), a little later. Null where it closes none.</summary>
    private static int? Closed(int processId, Dictionary<int, (string Path, SafeFileHandle? File)> files)
    {
        long start = Stopwatch.GetTimestamp();
        while (files.Count > 1 && Stopwatch.GetElapsedTime(start) < CloseTime)
        {
            foreach ((int number, (string path, _)) in files)
            {
                if (number != StderrNumber && ProcFs.Link(processId, string.Create(CultureInfo.InvariantCulture, $"fd/{number}"), out _) != path)
                    return number;
            }
            Thread.Sleep(StepMs);
        }
        return null;
    }

    // monitor/hmp.c, get_str
    private static string Quoted(string path) =>
        $"\"{path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
