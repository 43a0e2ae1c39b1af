using VmiPl.Commands.Probes;
using VmiPl.Streams;

namespace VmiPl.Commands.Streams;

/// <summary>Everything that is read of a session goes through here, so that what one reader leaves another gets. Safe from any thread.</summary>
internal sealed class RecordReader(VmiProbe probe)
{
    private readonly List<HeldStream> _streams = [];

    /// <summary>Taken while <see cref="Streams"/> or one of them is in use.</summary>
    public Lock Gate { get; } = new();

    /// <summary>The session's streams; a reconfiguration may add some, behind those that there are.</summary>
    public IReadOnlyList<HeldStream> Streams
    {
        get
        {
            StreamSet outputs = probe.Session.Outputs;
            if (outputs.Streams.Count != _streams.Count)
                _streams.AddRange(outputs.Streams.Skip(_streams.Count).Select(stream => new HeldStream(stream, outputs.Options.Capacity)));
            return _streams;
        }
    }

    /// <summary>Records that readers have taken from a stream and not handed out.</summary>
    public long HeldOf(RecordStream stream)
    {
        lock (Gate)
            return Streams.FirstOrDefault(held => held.Stream == stream)?.HeldRecords ?? 0;
    }
}
