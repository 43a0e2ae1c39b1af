using VmiPl.Streams;

namespace VmiPl.Commands.Streams;

/// <summary>Waits for any of several streams. A wait that was not for the stream that had something stays and serves the next time, so that a slow
/// stream among quick ones costs nothing. For one thread.</summary>
internal sealed class RecordWait(CancellationToken cancel)
{
    // A reconfiguration may add streams, and nobody tells.
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(500);
    private readonly Dictionary<RecordStream, Task<bool>> _waits = [];

    /// <summary>Returns when one of the streams may have something, has ended, or after <paramref name="most"/> or half a second. Throws
    /// <see cref="OperationCanceledException"/>.</summary>
    public void Any(IEnumerable<RecordStream> streams, TimeSpan most)
    {
        List<Task> waits = [];
        foreach (RecordStream stream in streams)
        {
            if (stream.IsCompleted)
                continue;
            if (!_waits.TryGetValue(stream, out Task<bool>? wait) || wait.IsCompleted)
                _waits[stream] = wait = stream.WaitToReadAsync(cancel).AsTask();
            waits.Add(wait);
        }
        TimeSpan time = most < Longest ? most : Longest;
        if (waits.Count == 0)
            cancel.WaitHandle.WaitOne(time);
        else
            Task.WaitAny([.. waits], (int)Math.Max(1, time.TotalMilliseconds), cancel);
        cancel.ThrowIfCancellationRequested();
    }
}
