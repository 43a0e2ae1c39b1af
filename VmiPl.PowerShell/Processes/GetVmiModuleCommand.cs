using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;

namespace VmiPl.Commands.Processes;

/// <summary><c>Get-VmiModule</c>: the kernel modules of a guest.</summary>
[Cmdlet(VerbsCommon.Get, "VmiModule")]
[OutputType(typeof(VmiModule))]
public sealed class GetVmiModuleCommand : MachineCommand
{
    /// <summary>Names or patterns of modules; all where left out.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        NameFilter names = new(Name, StringComparison.OrdinalIgnoreCase);
        foreach (VmiModule module in EngineAccess.ListModules(machine))
        {
            if (names.Matches(module.Name))
                WriteObject(module);
        }
        foreach (string name in names.Unmatched)
            Report(new VmiException(VmiErrorCode.SymbolNotFound, $"'{machine.Name}' has no module '{name}' loaded."), machine);
    }
}
