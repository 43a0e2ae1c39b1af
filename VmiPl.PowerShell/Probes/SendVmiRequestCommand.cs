using System.Management.Automation;
using VmiPl.Errors;

namespace VmiPl.Commands.Probes;

/// <summary><c>Send-VmiRequest</c>: makes the event that probes of <c>OnExternalRequest</c> wait for.</summary>
[Cmdlet(VerbsCommunications.Send, "VmiRequest", DefaultParameterSetName = MachineSet, SupportsShouldProcess = true)]
public sealed class SendVmiRequestCommand : ProbeCommand
{
    /// <summary>The number that the script gives the request.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    public ulong Id { get; set; }

    /// <inheritdoc/>
    private protected override bool OnlyRunning => true;

    /// <inheritdoc/>
    protected override void Process(VmiProbe probe)
    {
        ArgumentNullException.ThrowIfNull(probe);
        if (ShouldProcess($"{probe}", $"Send request {Id}") && probe.Session.Request(Id) == 0)
            throw new VmiException(VmiErrorCode.ProbeNotFound, $"No probe that is switched on in session {probe.Id} ({probe.Name} on '{probe.Machine}') waits for request {Id}.", probe.Machine);
    }
}
