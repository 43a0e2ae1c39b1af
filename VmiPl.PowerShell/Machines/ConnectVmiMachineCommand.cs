using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary><c>Connect-VmiMachine</c>: opens machines and keeps them for the session.</summary>
[Cmdlet(VerbsCommunications.Connect, "VmiMachine", DefaultParameterSetName = NameSet)]
[OutputType(typeof(VmiMachine))]
public sealed class ConnectVmiMachineCommand : VmiCommand
{
    private const string NameSet = "Name", IdSet = "ProcessId", MonitorSet = "Monitor", LibvirtSet = "Libvirt",
        DumpSet = "Dump", LiteralSet = "LiteralDump";

    /// <summary>Names or patterns of running machines.</summary>
    [Parameter(ParameterSetName = NameSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(MachineCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>QEMU process ids on this host.</summary>
    [Parameter(ParameterSetName = IdSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Id")]
    public int[] ProcessId { get; set; } = [];

    /// <summary>Path of a QMP socket.</summary>
    [Parameter(ParameterSetName = MonitorSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string MonitorPath { get; set; } = "";

    /// <summary>Name of a libvirt domain.</summary>
    [Parameter(ParameterSetName = LibvirtSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string LibvirtDomain { get; set; } = "";

    /// <summary>Paths of dump files, wildcards allowed.</summary>
    [Parameter(ParameterSetName = DumpSet, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] DumpPath { get; set; } = [];

    /// <summary>Paths of dump files, taken as they are.</summary>
    [Parameter(ParameterSetName = LiteralSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "FullName")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The form of the dumps; told from the file where left out.</summary>
    [Parameter(ParameterSetName = DumpSet)]
    [Parameter(ParameterSetName = LiteralSet)]
    [ValidateSet("Auto", "ElfCore", "Lime", "Raw")]
    public string Format { get; set; } = "Auto";

    /// <inheritdoc/>
    protected override void Process()
    {
        switch (ParameterSetName)
        {
            case IdSet:
                Each(ProcessId, id => [Running(id)]);
                break;
            case MonitorSet:
                Each([MonitorPath], path => [EngineAccess.OpenMonitor(FilePaths.Literal(this, path))]);
                break;
            case LibvirtSet:
                Each([LibvirtDomain], domain => [EngineAccess.OpenLibvirt(domain)]);
                break;
            case DumpSet:
                Each(DumpPath, pattern => FilePaths.Matching(this, pattern).Select(path => EngineAccess.OpenDump(path, Format)));
                break;
            case LiteralSet:
                Each(LiteralPath, path => [EngineAccess.OpenDump(FilePaths.Literal(this, path), Format)]);
                break;
            default:
                Each(Name, name => MachineResolver.ByName(name, unreadable => Report(unreadable)));
                break;
        }
    }

    private static VmiMachine Running(int id) =>
        MachineResolver.All(_ => { }).FirstOrDefault(machine => machine.ProcessId == id) ?? EngineAccess.OpenProcess(id);

    private void Each<T>(IEnumerable<T> names, Func<T, IEnumerable<VmiMachine>> open)
    {
        foreach (T name in names)
        {
            Try(name, () =>
            {
                foreach (VmiMachine machine in open(name))
                {
                    SessionMachines.Current.Add(machine);
                    KernelSearch.Try(machine, WriteVerbose);
                    WriteObject(machine);
                }
            });
        }
    }
}
