using System.Runtime.ExceptionServices;
using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>Something that one thread wants done on the driver's thread. Done once; waited for once.</summary>
internal sealed class DriverWork(Action action)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Does it. A failure of the machine or the connection passes on to the driver, too.</summary>
    public void Do()
    {
        try
        {
            action();
            _done.SetResult();
        }
        catch (VmiException e)
        {
            _done.SetException(e);
            if (e.Code is VmiErrorCode.MachineLost or VmiErrorCode.StubLost or VmiErrorCode.Timeout or VmiErrorCode.MonitorProtocol)
                throw;
        }
        catch (Exception e)
        {
            _done.SetException(e);
            throw;
        }
    }

    /// <summary>It was not done: the driver has ended, for that reason or because it was asked to (null).</summary>
    public void Fail(VmiException? reason)
    {
        if (reason is null)
            _done.TrySetResult();
        else
            _done.TrySetException(reason);
    }

    /// <summary>Waits for it. Throws what it threw.</summary>
    public void Wait()
    {
        try
        {
            _done.Task.Wait();
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerException!);
        }
    }
}
