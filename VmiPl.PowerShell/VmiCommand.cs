using System.Management.Automation;
using VmiPl.Commands.Errors;
using VmiPl.Errors;

namespace VmiPl.Commands;

/// <summary>Base of every cmdlet: cancels its work on Ctrl-C and on every other end, and turns what the Engine throws into
/// error records. Work is done in <see cref="Process"/>; <see cref="Begin"/> and <see cref="End"/> stand around it.</summary>
public abstract class VmiCommand : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private bool _disposed;

    /// <summary>Cancelled when the command ends, in whatever way. Ctrl-C calls <see cref="StopProcessing"/>; a downstream
    /// <c>break</c> or <c>Select-Object -First</c> only disposes the cmdlet.</summary>
    protected CancellationToken Stop => _stop.Token;

    /// <summary>Called once before the first input.</summary>
    protected virtual void Begin()
    {
    }

    /// <summary>Called for each input object, or once where there is no pipeline input.</summary>
    protected virtual void Process()
    {
    }

    /// <summary>Called after the last input.</summary>
    protected virtual void End()
    {
    }

    /// <summary>Reports a failure after which the command goes on with its next object.</summary>
    protected void Report(VmiException exception, object? target = null) => WriteError(ErrorTable.ToRecord(exception, target));

    /// <summary>Does one piece of work about one <paramref name="target"/>. What fails in it is reported and does not end the
    /// command, except a lost machine, which does. False where it failed.</summary>
    protected bool Try(object? target, Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        try
        {
            work();
            return true;
        }
        catch (Exception e) when (Failure.IsOurs(e))
        {
            VmiException failure = Translate(e);
            if (failure.Code == VmiErrorCode.MachineLost)
            {
                OnLost(target);
                ThrowTerminatingError(ErrorTable.ToRecord(failure, target));
            }
            Report(failure, target);
            return false;
        }
    }

    /// <summary>Called before the command ends because its machine is gone.</summary>
    private protected virtual void OnLost(object? target)
    {
    }

    /// <inheritdoc/>
    protected sealed override void BeginProcessing() => Guard(Begin);

    /// <inheritdoc/>
    protected sealed override void ProcessRecord() => Guard(Process);

    /// <inheritdoc/>
    protected sealed override void EndProcessing() => Guard(End);

    /// <inheritdoc/>
    protected sealed override void StopProcessing()
    {
        if (!_disposed)
            _stop.Cancel();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends work that still goes on.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (_disposed || !disposing)
            return;
        _disposed = true;
        _stop.Cancel();
        _stop.Dispose();
    }

    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (Failure.IsOurs(e))
        {
            ThrowTerminatingError(ErrorTable.ToRecord(Translate(e), target: null));
        }
    }

    private VmiException Translate(Exception exception)
    {
        // A cancelled operation on Ctrl-C is no failure: PowerShell has its own way to end a stopped command.
        if (exception is OperationCanceledException && Stop.IsCancellationRequested)
            throw new PipelineStoppedException();
        return Failure.Translate(exception);
    }
}
