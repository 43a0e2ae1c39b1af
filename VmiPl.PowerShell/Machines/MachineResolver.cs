using System.Globalization;
using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary>From what a user names to machines: the session's connections first, then what runs on this host.</summary>
internal static class MachineResolver
{
    /// <summary>All machines: connected ones, then running ones that are not connected.</summary>
    public static IEnumerable<VmiMachine> All(Action<VmiException> report)
    {
        IReadOnlyList<VmiMachine> connected = SessionMachines.Current.Machines;
        foreach (VmiMachine machine in connected)
            yield return machine;
        foreach (VmiMachine machine in RunningMachines.Find(report))
        {
            if (!connected.Any(known => known == machine || (known.ProcessId == machine.ProcessId && known.Name == machine.Name)))
                yield return machine;
        }
    }

    /// <summary>The machines that an argument means. Throws <c>MachineNotFound</c> where a name without wildcards means none.</summary>
    public static IReadOnlyList<VmiMachine> Resolve(MachineArgument argument, Action<VmiException> report) =>
        argument.Machine is VmiMachine machine ? [machine] : ByName(argument.Name!, report);

    /// <summary>The machines of a name, a pattern or a process id in digits. A connected machine of exactly that name hides
    /// running ones, and spares the search for them.</summary>
    public static IReadOnlyList<VmiMachine> ByName(string name, Action<VmiException> report)
    {
        bool isPattern = WildcardPattern.ContainsWildcardCharacters(name);
        if (!isPattern)
        {
            VmiMachine[] connected = [.. SessionMachines.Current.Machines.Where(machine => Matches(machine, name))];
            if (connected.Length > 0)
                return connected;
        }
        // Processes that can't be looked at are of interest only if the wanted one may be among them.
        List<VmiException> unreadable = [];
        WildcardPattern pattern = WildcardPattern.Get(name, WildcardOptions.IgnoreCase);
        VmiMachine[] found =
            [.. All(unreadable.Add).Where(machine => isPattern ? pattern.IsMatch(machine.Name) : Matches(machine, name))];
        if (found.Length > 0 || isPattern)
            return found;
        unreadable.ForEach(report);
        throw new VmiException(VmiErrorCode.MachineNotFound, $"No machine '{name}' is connected or runs on this host.", name);
    }

    private static bool Matches(VmiMachine machine, string name) =>
        string.Equals(machine.Name, name, StringComparison.OrdinalIgnoreCase)
        || (machine.ProcessId is int id && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int wanted) && id == wanted);
}
