using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Launch;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary><c>Start-VmiMachine</c>: starts a QEMU that probes can work in, and that lives on by itself.</summary>
[Cmdlet(VerbsLifecycle.Start, "VmiMachine", DefaultParameterSetName = ArgumentsSet, SupportsShouldProcess = true)]
[OutputType(typeof(VmiMachine))]
public sealed class StartVmiMachineCommand : VmiCommand
{
    private const string ConfigSet = "Config", ArgumentsSet = "Arguments";

    /// <summary>A <c>-readconfig</c> file of QEMU, taken as it is.</summary>
    [Parameter(ParameterSetName = ConfigSet, Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "FullName")]
    [ValidateNotNullOrEmpty]
    public string ConfigPath { get; set; } = "";

    /// <summary>Arguments for QEMU, one in each string; behind the file's options.</summary>
    [Parameter(ParameterSetName = ConfigSet)]
    [Parameter(ParameterSetName = ArgumentsSet, Mandatory = true)]
    [AllowEmptyString]
    public string[] ArgumentList { get; set; } = [];

    /// <summary>The QEMU program: a path, or a name.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(QemuCompleter))]
    public string? Qemu { get; set; }

    /// <summary>The machine's name.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <inheritdoc/>
    protected override void Process() => Try(Name ?? (ParameterSetName == ConfigSet ? ConfigPath : null), () =>
    {
        MachineLaunch launch = EngineAccess.PlanMachine(new LaunchOptions
        {
            Qemu = Qemu?.Contains('/', StringComparison.Ordinal) == true ? FilePaths.Literal(this, Qemu) : Qemu,
            ConfigPath = ParameterSetName == ConfigSet ? FilePaths.Literal(this, ConfigPath) : null,
            Arguments = ArgumentList,
            Name = Name,
            Folder = SessionState.Path.CurrentFileSystemLocation.ProviderPath,
        });
        if (ShouldProcess(launch.Name, $"Start {launch.Program} {string.Join(' ', launch.Arguments.Select(Shown))}"))
            Start(launch);
    });

    private void Start(MachineLaunch launch)
    {
        LaunchedMachine launched = EngineAccess.StartMachine(launch, Stop);
        VmiMachine machine = RunningMachines.Add(launched.Machine);
        WriteVerbose($"QEMU has the process id {machine.ProcessId}; what it has to say is in '{launched.LogPath}'.");
        if (!launched.HasShim)
            WriteWarning($"The shim is not in QEMU: the loader leaves it out of a program that is linked statically or has more rights than its user. Probes work through QEMU's gdbstub. See '{launched.LogPath}'.");
        WriteObject(machine);
    }

    /// <summary>As it would be typed.</summary>
    private static string Shown(string argument) =>
        argument.Length > 0 && argument.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or '=' or ':' or ',' or '+')
            ? argument : "'" + argument.Replace("'", "''", StringComparison.Ordinal) + "'";
}
