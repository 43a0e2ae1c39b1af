using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Machines;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands;

/// <summary>Base of the cmdlets that work on machines: <c>-Machine</c>, and one call per machine whose failure does not
/// touch the others.</summary>
public abstract class MachineCommand : VmiCommand
{
    /// <summary>The machines: objects, names (wildcards allowed) or QEMU process ids.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(MachineCompleter))]
    public MachineArgument[] Machine { get; set; } = [];

    /// <summary>Works on one machine. What it throws is reported with the machine as target.</summary>
    protected abstract void Process(VmiMachine machine);

    /// <summary>The machines that an argument means.</summary>
    private protected virtual IReadOnlyList<VmiMachine> Resolve(MachineArgument argument) =>
        MachineResolver.Resolve(argument, unreadable => Report(unreadable));

    /// <inheritdoc/>
    protected sealed override void Process()
    {
        foreach (MachineArgument argument in Machine)
        {
            IReadOnlyList<VmiMachine> machines = [];
            Try(argument.ToString(), () => machines = Resolve(argument));
            foreach (VmiMachine machine in machines)
            {
                Stop.ThrowIfCancellationRequested();
                Try(machine, () => Process(machine));
            }
        }
    }

    /// <inheritdoc/>
    private protected sealed override void OnLost(object? target) => ForgetLost(target);

    /// <summary>Drops a lost machine: the next command of that name shall find the one that runs by then.</summary>
    internal static void ForgetLost(object? target)
    {
        if (target is not VmiMachine machine)
            return;
        SessionMachines.Current.Remove(machine);
        RunningMachines.Forget(machine);
    }
}
