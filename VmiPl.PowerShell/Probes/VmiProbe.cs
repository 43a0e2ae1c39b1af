using VmiPl.Commands.Streams;
using VmiPl.Probes;
using VmiPl.Streams;

namespace VmiPl.Commands.Probes;

/// <summary>A script at work on one machine: what <c>Start-VmiProbe</c> gives. Each property tells how it is at the moment of asking, after the end
/// too; serialised, it is a snapshot. Safe from any thread.</summary>
public sealed class VmiProbe
{
    internal VmiProbe(int id, string? name, ProbeSession session)
    {
        Id = id;
        Session = session;
        Reader = new RecordReader(this);
        Name = name ?? (session.Script.Source.File is { } file ? Path.GetFileNameWithoutExtension(file) : $"probe{id}");
    }

    /// <summary>Its number in this PowerShell session, from 1.</summary>
    public int Id { get; }
    /// <summary>Its name: as given, else that of the script's file.</summary>
    public string Name { get; }
    /// <summary>The machine's name.</summary>
    public string Machine => Session.Machine.Name;
    /// <summary><c>Running</c>, <c>Stopped</c> as asked, or <c>Ended</c> by itself.</summary>
    public string State => Session.State.ToString();
    /// <summary>What makes the probes run; null where the script has only stream probes.</summary>
    public string? Driver => Session.Driver;
    /// <summary>The script's file, or <c>&lt;text&gt;</c>.</summary>
    public string Script => Session.Script.Source.File ?? "<text>";
    /// <summary>When it was started, local time.</summary>
    public DateTime StartTime => Session.StartTime.ToLocalTime();
    /// <summary>Its probes, by id.</summary>
    public VmiProbeStatus[] Probes => [.. Session.Probes.Select(VmiProbeStatus.Of)];
    /// <summary>Records that its probes made, lost ones included.</summary>
    public long Records => Session.Probes.Sum(probe => probe.Records);
    /// <summary>Records that nobody took in time.</summary>
    public long Lost => Session.Probes.Sum(probe => probe.Lost);
    /// <summary>The names of the streams that <c>Receive-VmiStream</c> reads.</summary>
    public string[] Streams => [.. Session.Outputs.Streams.Select(stream => stream.Name)];
    /// <summary>Why it has ended by itself, or null.</summary>
    public string? Error => Session.Failure?.Message;

    internal ProbeSession Session { get; }

    internal RecordReader Reader { get; }

    internal bool IsRunning => Session.State == SessionState.Running;

    /// <summary>In words.</summary>
    public override string ToString() => $"{Id} {Name} on {Machine}: {State}";
}
