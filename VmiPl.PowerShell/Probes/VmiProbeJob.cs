using System.Management.Automation;
using VmiPl.Commands.Errors;
using VmiPl.Commands.Streams;
using VmiPl.Errors;
using VmiPl.Streams;

namespace VmiPl.Commands.Probes;

/// <summary>A probe session as a job: <c>Receive-Job</c> hands out its records, <c>Stop-Job</c> and <c>Remove-Job</c> stop it. The job takes over no more
/// records than it has room for; the others wait in the session's streams, under the session's own rules.</summary>
public sealed class VmiProbeJob : Job
{
    private const int Room = 10_000;
    // The job's output tells nobody when it was emptied.
    private static readonly TimeSpan RoomCheck = TimeSpan.FromMilliseconds(20);
    private readonly VmiProbe _probe;
    private readonly CancellationTokenSource _end = new();
    private readonly Thread _pump;
    private volatile bool _stopped;
    private bool _disposed;

    internal VmiProbeJob(VmiProbe probe, string command)
        : base(command, probe.Name)
    {
        _probe = probe;
        PSJobTypeName = "VmiProbeJob";
        SetJobState(JobState.Running);
        _pump = new Thread(Pump) { IsBackground = true, Name = $"VmiPl job {probe.Id}" };
        _pump.Start();
    }

    /// <summary>The session.</summary>
    public VmiProbe Probe => _probe;

    /// <inheritdoc/>
    public override bool HasMoreData => Output.Count > 0 || Error.Count > 0;

    /// <inheritdoc/>
    public override string Location => _probe.Machine;

    /// <inheritdoc/>
    public override string StatusMessage => _probe.Error ?? "";

    /// <inheritdoc/>
    public override void StopJob()
    {
        _stopped = true;
        try
        {
            SessionProbes.Stop(_probe);
        }
        finally
        {
            _pump.Join();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed)
        {
            _disposed = true;
            _end.Cancel();
            try
            {
                SessionProbes.Stop(_probe);
            }
            catch (VmiException)
            {
                // Who removes a job is not told; Stop-Job tells. The machine's guardian does what is left.
            }
            _pump.Join();
            _end.Dispose();
        }
        base.Dispose(disposing);
    }

    private void Pump()
    {
        try
        {
            var cursor = new RecordCursor(_probe);
            var wait = new RecordWait(_end.Token);
            while (!cursor.IsCompleted)
            {
                // Once the session is over, no more can come than its streams hold, and nobody else will take it.
                if (Output.Count >= Room && !_probe.Session.Over.IsCompleted)
                    _end.Token.WaitHandle.WaitOne(RoomCheck);
                else if (cursor.TryTake(out VmiRecord record))
                    Output.Add(PSObject.AsPSObject(record));
                else
                    wait.Any(cursor.Sources, TimeSpan.MaxValue);
                _end.Token.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException)
        {
            // The job was removed; its streams stay with the session's object.
        }
        End();
    }

    private void End()
    {
        if (!_stopped && _probe.Session.Failure is { } failure)
            Error.Add(ErrorTable.ToRecord(failure, _probe));
        SetJobState(_stopped ? JobState.Stopped : _probe.Error is null ? JobState.Completed : JobState.Failed);
    }
}
