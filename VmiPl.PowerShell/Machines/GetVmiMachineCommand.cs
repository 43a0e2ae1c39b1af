using System.Management.Automation;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary><c>Get-VmiMachine</c>: connected machines and the running QEMU machines of this host.</summary>
[Cmdlet(VerbsCommon.Get, "VmiMachine", DefaultParameterSetName = NameSet)]
[OutputType(typeof(VmiMachine))]
public sealed class GetVmiMachineCommand : VmiCommand
{
    private const string NameSet = "Name", IdSet = "ProcessId";

    /// <summary>Names or patterns; all machines where left out.</summary>
    [Parameter(ParameterSetName = NameSet, Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(MachineCompleter))]
    public string[]? Name { get; set; }

    /// <summary>QEMU process ids on this host.</summary>
    [Parameter(ParameterSetName = IdSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Id")]
    public int[] ProcessId { get; set; } = [];

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == IdSet)
            ById();
        else if (Name is { Length: > 0 })
            ByName(Name);
        else
            Write(MachineResolver.All(unreadable => Report(unreadable)));
    }

    private void ById()
    {
        VmiMachine[] all = [.. MachineResolver.All(_ => { })];
        foreach (int id in ProcessId)
        {
            Try(id, () =>
            {
                VmiMachine[] found = [.. all.Where(machine => machine.ProcessId == id)];
                // Not among those found: opening it by id says why.
                Write(found.Length > 0 ? found : [EngineAccess.OpenProcess(id)]);
            });
        }
    }

    private void ByName(string[] names)
    {
        foreach (string name in names)
            Try(name, () => Write(MachineResolver.ByName(name, unreadable => Report(unreadable))));
    }

    private void Write(IEnumerable<VmiMachine> machines)
    {
        foreach (VmiMachine machine in machines)
        {
            Stop.ThrowIfCancellationRequested();
            KernelSearch.Try(machine, WriteVerbose);
            WriteObject(machine);
        }
    }
}
