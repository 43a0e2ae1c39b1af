using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;

namespace VmiPl.Commands.Symbols;

/// <summary><c>Export-VmiProfile</c>: a guest's profile as JSON or as a VMI-PL Configuration block, to the pipeline or a file.</summary>
[Cmdlet(VerbsData.Export, "VmiProfile", SupportsShouldProcess = true)]
[OutputType(typeof(string))]
public sealed class ExportVmiProfileCommand : MachineCommand
{
    /// <summary>The file to write, taken as it is; the pipeline where left out.</summary>
    [Parameter(Position = 1)]
    [Alias("LiteralPath")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Whether a Configuration block is made instead of JSON.</summary>
    [Parameter]
    public SwitchParameter AsConfiguration { get; set; }

    /// <summary>Whether an existing file is replaced.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        LinuxGuest guest = EngineAccess.GuestOf(machine);
        string text = AsConfiguration ? ConfigurationBlock.Of(guest.Profile) : ProfileJson.Of(ProfileView.Of(guest));
        if (Path is null)
        {
            WriteObject(text);
            return;
        }
        string file = FilePaths.Literal(this, Path);
        if (!ShouldProcess(file, $"Write the profile of '{guest.Machine.Name}'"))
            return;
        if (File.Exists(file) && !Force)
            throw new VmiException(VmiErrorCode.FileFailure, $"'{file}' exists; use -Force to replace it.", file);
        File.WriteAllText(file, text + "\n");
    }
}
