using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Probes;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary><c>Disconnect-VmiMachine</c>: closes machines of the session, probes on them first; QEMU and the guest go on.</summary>
[Cmdlet(VerbsCommunications.Disconnect, "VmiMachine")]
public sealed class DisconnectVmiMachineCommand : MachineCommand
{
    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        foreach (VmiProbe probe in SessionProbes.Current.On(machine))
            Try(machine, () => SessionProbes.Stop(probe));
        SessionMachines.Current.Remove(machine);
        RunningMachines.Forget(machine);
        machine.Dispose();
    }

    /// <summary>Names mean connected machines only: what is not connected cannot be disconnected.</summary>
    private protected override IReadOnlyList<VmiMachine> Resolve(MachineArgument argument)
    {
        if (argument.Machine is VmiMachine machine)
            return [machine];
        WildcardPattern pattern = WildcardPattern.Get(argument.Name, WildcardOptions.IgnoreCase);
        VmiMachine[] found = [.. SessionMachines.Current.Machines.Where(
            known => pattern.IsMatch(known.Name) || known.ProcessId?.ToString(System.Globalization.CultureInfo.InvariantCulture) == argument.Name)];
        if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(argument.Name))
            throw new VmiException(VmiErrorCode.MachineNotFound, $"No machine '{argument.Name}' is connected.", argument.Name);
        return found;
    }
}
