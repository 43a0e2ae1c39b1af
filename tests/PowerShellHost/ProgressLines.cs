using System.Diagnostics;
using System.Management.Automation;

namespace VmiPl.PowerShellHost;

/// <summary>Progress on standard error: one line that is rewritten on a terminal, else a plain line when the activity or its
/// status changes, and at most every few seconds in between. Safe from any thread.</summary>
public sealed class ProgressLines : IDisposable
{
    private static readonly TimeSpan TerminalPace = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PlainPace = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private readonly Stopwatch _sinceShown = Stopwatch.StartNew();
    private string _shown = "";
    private string _activity = "";
    private bool _isVisible;

    /// <summary>Shows a record, or takes the line away where it says that its activity has ended.</summary>
    public void Show(ProgressRecord record)
    {
        lock (_gate)
        {
            if (record.RecordType == ProgressRecordType.Completed)
            {
                HideLine();
                _shown = _activity = "";
                return;
            }
            string line = TextOf(record);
            bool isNewActivity = record.Activity != _activity;
            if (line == _shown || (!isNewActivity && _sinceShown.Elapsed < (_isTerminal ? TerminalPace : PlainPace)))
                return;
            _activity = record.Activity;
            _shown = line;
            _sinceShown.Restart();
            if (_isTerminal)
                Rewrite(line);
            else
                Console.Error.WriteLine(line);
        }
    }

    /// <summary>Takes the line away, so that other text starts at the left edge.</summary>
    public void Hide()
    {
        lock (_gate)
            HideLine();
    }

    /// <summary>Leaves a clean line behind.</summary>
    public void Dispose() => Hide();

    private void Rewrite(string line)
    {
        int width = Math.Max(Console.WindowWidth - 1, 20);
        Console.Error.Write("\r\e[K" + (line.Length > width ? line[..width] : line));
        _isVisible = true;
    }

    private void HideLine()
    {
        if (!_isVisible)
            return;
        Console.Error.Write("\r\e[K");
        _isVisible = false;
        _shown = "";
    }

    private static string TextOf(ProgressRecord record)
    {
        string percent = record.PercentComplete is >= 0 and <= 100 ? $" {record.PercentComplete} %" : "";
        return $"[{record.Activity}]{percent} {record.StatusDescription} {record.CurrentOperation}".TrimEnd();
    }
}
