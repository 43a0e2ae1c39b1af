using System.Diagnostics;
using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Probes;
using VmiPl.Errors;
using VmiPl.Streams;

namespace VmiPl.Commands.Streams;

/// <summary><c>Receive-VmiStream</c>: the records of probe sessions. Records are taken one by one, so whatever ends the command loses none that was
/// not handed out.</summary>
[Cmdlet(VerbsCommunications.Receive, "VmiStream", DefaultParameterSetName = MachineSet)]
[OutputType(typeof(VmiRecord))]
public sealed class ReceiveVmiStreamCommand : ProbeQueryCommand
{
    // Sessions take turns: one that has much to say does not keep the others.
    private const int Turn = 256;

    private readonly List<VmiProbe> _probes = [];

    /// <summary>Names or patterns of streams, with or without <c>#</c>; all where left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(StreamCompleter))]
    public string[]? Stream { get; set; }

    /// <summary>Ids or labels of probes; all where left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProbeCompleter))]
    public string[]? Probe { get; set; }

    /// <summary>Whether to wait for records until the sessions are over.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>How long to wait for the next record: from the start, and from each record on.</summary>
    [Parameter]
    [ValidateNotNull]
    public DurationArgument? Timeout { get; set; }

    /// <summary>How many records to hand out at most, of all sessions together.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long Count { get; set; } = long.MaxValue;

    /// <inheritdoc/>
    protected override void Process(VmiProbe probe)
    {
        // Only once all sessions are known: what starts them is still at work upstream.
        if (!_probes.Contains(probe))
            _probes.Add(probe);
    }

    /// <inheritdoc/>
    protected override void End()
    {
        List<RecordCursor> cursors = [];
        foreach (VmiProbe probe in _probes)
            Try(probe, () => cursors.Add(Open(probe)));
        var wait = new RecordWait(Stop);
        long left = Count, quietSince = Stopwatch.GetTimestamp();
        while (cursors.Count > 0)
        {
            long before = left;
            // Backwards, as one that fails is left out from then on.
            for (int i = cursors.Count - 1; i >= 0 && left > 0; i--)
            {
                if (!Try(cursors[i].Probe, () => left -= HandOut(cursors[i], Math.Min(Turn, left))))
                    cursors.RemoveAt(i);
            }
            if (left == 0)
                return;
            if (left < before)
            {
                quietSince = Stopwatch.GetTimestamp();
                continue;
            }
            TimeSpan rest = Timeout is null ? TimeSpan.MaxValue : Timeout.Duration - Stopwatch.GetElapsedTime(quietSince);
            cursors.RemoveAll(cursor => cursor.IsCompleted);
            if ((!Wait && Timeout is null) || rest <= TimeSpan.Zero || cursors.Count == 0)
                return;
            wait.Any(cursors.SelectMany(cursor => cursor.Sources), rest);
        }
    }

    private RecordCursor Open(VmiProbe probe)
    {
        IReadOnlySet<int>? chosen = Probe is null ? null : ProbeChoice.Of(probe, Probe);
        if (Stream is null)
            return new RecordCursor(probe, null, chosen);
        var names = new NameFilter(Stream.Select(name => name.TrimStart('#')), StringComparison.OrdinalIgnoreCase);
        foreach (string known in probe.Streams)
            names.Matches(known);
        foreach (string name in names.Unmatched)
            Report(new VmiException(VmiErrorCode.StreamNotFound, $"Session {probe.Id} ({probe.Name} on '{probe.Machine}') has no stream '{name}'.", name), probe);
        return new RecordCursor(probe, names.Matches, chosen);
    }

    private long HandOut(RecordCursor cursor, long most)
    {
        long handed = 0;
        while (handed < most && cursor.TryTake(out VmiRecord record))
        {
            WriteObject(record);
            handed++;
        }
        return handed;
    }
}
