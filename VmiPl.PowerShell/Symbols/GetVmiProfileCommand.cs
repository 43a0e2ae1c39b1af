using System.Management.Automation;
using VmiPl.Machines;

namespace VmiPl.Commands.Symbols;

/// <summary><c>Get-VmiProfile</c>: what was found of a guest's kernel.</summary>
[Cmdlet(VerbsCommon.Get, "VmiProfile")]
[OutputType(typeof(VmiProfile))]
public sealed class GetVmiProfileCommand : MachineCommand
{
    /// <inheritdoc/>
    protected override void Process(VmiMachine machine) => WriteObject(ProfileView.Of(EngineAccess.GuestOf(machine)));
}
