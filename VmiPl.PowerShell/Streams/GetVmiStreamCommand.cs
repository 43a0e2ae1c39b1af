using System.Management.Automation;
using VmiPl.Commands.Probes;
using VmiPl.Streams;

namespace VmiPl.Commands.Streams;

/// <summary><c>Get-VmiStream</c>: the streams and files of probe sessions, with what waits and what was lost.</summary>
[Cmdlet(VerbsCommon.Get, "VmiStream", DefaultParameterSetName = MachineSet)]
[OutputType(typeof(VmiStream))]
public sealed class GetVmiStreamCommand : ProbeQueryCommand
{
    /// <inheritdoc/>
    protected override void Process(VmiProbe probe)
    {
        ArgumentNullException.ThrowIfNull(probe);
        StreamSet outputs = probe.Session.Outputs;
        foreach (RecordStream stream in outputs.Streams)
            WriteObject(Of(probe, stream, "Stream", probe.Reader.HeldOf(stream)));
        foreach (RecordStream file in outputs.Files)
            WriteObject(Of(probe, file, "File", held: 0));
    }

    // What readers hold back for others counts as waiting.
    private static VmiStream Of(VmiProbe probe, RecordStream stream, string kind, long held) => new(
        probe.Machine, probe.Id, stream.Name, kind, stream.Waiting + held, stream.Written, stream.Read - held, stream.Lost, stream.IsCompleted && held == 0);
}
