using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.Dump;

namespace VmiPl.Commands.Memory;

/// <summary><c>Save-VmiMemory</c>: writes a machine's memory to an ELF core.</summary>
[Cmdlet(VerbsData.Save, "VmiMemory", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class SaveVmiMemoryCommand : MachineCommand
{
    private string? _written;

    /// <summary>The file to write, taken as it is.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [Alias("LiteralPath")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Whether an existing file is replaced.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Whether the machine is suspended while it is saved, so that the core shows one moment.</summary>
    [Parameter]
    public SwitchParameter Suspend { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        string file = FilePaths.Literal(this, Path);
        if (!ShouldProcess(machine.Name, $"Save memory to '{file}'"))
            return;
        if (_written is not null)
            throw new VmiException(VmiErrorCode.InvalidArgument, $"'{Path}' was written from '{_written}': one file takes one machine.", Path);
        if (!Force && File.Exists(file))
            throw new VmiException(VmiErrorCode.FileFailure, $"'{file}' exists; use -Force to replace it.", file);
        SaveResult result;
        using (PausedMachine? pause = Suspend ? PausedMachine.Pause(machine) : null)
            result = EngineAccess.WriteCore(machine, file, new SaveProgress(this, machine), Stop);
        _written = machine.Name;
        if (result.UnreadableBytes > 0)
            WriteWarning($"{result.UnreadableBytes} bytes of the memory of '{machine.Name}' could not be read and are zeros in '{file}'.");
        WriteObject(new FileInfo(file));
    }
}
