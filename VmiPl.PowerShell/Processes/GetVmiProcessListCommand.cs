using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;

namespace VmiPl.Commands.Processes;

/// <summary><c>Get-VmiProcessList</c>: the processes of a guest.</summary>
[Cmdlet(VerbsCommon.Get, "VmiProcessList")]
[Alias("Get-VmiProcess")]
[OutputType(typeof(VmiProcess))]
public sealed class GetVmiProcessListCommand : MachineCommand
{
    /// <summary>Names or patterns of processes; all where left out.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <summary>Process ids in the guest.</summary>
    [Parameter]
    public int[]? ProcessId { get; set; }

    /// <summary>Whether every thread is listed.</summary>
    [Parameter]
    public SwitchParameter IncludeThread { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        NameFilter names = new(Name, StringComparison.OrdinalIgnoreCase);
        HashSet<int>? missing = ProcessId is null ? null : [.. ProcessId];
        HashSet<int>? wanted = ProcessId is null ? null : [.. ProcessId];
        ProcessList list = EngineAccess.ListProcesses(machine, IncludeThread, Stop);
        foreach (VmiProcess process in list.Processes)
        {
            if (wanted?.Contains(process.ProcessId) == false || !names.Matches(process.Name))
                continue;
            missing?.Remove(process.ProcessId);
            WriteObject(process);
        }
        if (list.IsPartial)
        {
            Report(new VmiException(VmiErrorCode.GuestDataInvalid,
                $"The process list of '{machine.Name}' is incomplete: {list.Problem} {list.Processes.Count} tasks were read."), machine);
        }
        foreach (int id in missing ?? [])
            Report(new VmiException(VmiErrorCode.ProcessNotFound, $"'{machine.Name}' has no process {id}."), machine);
        foreach (string name in names.Unmatched)
            Report(new VmiException(VmiErrorCode.ProcessNotFound, $"'{machine.Name}' has no process named '{name}'."), machine);
    }
}
