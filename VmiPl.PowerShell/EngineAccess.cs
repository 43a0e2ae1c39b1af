using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Launch;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Machines.Dump;
using VmiPl.Memory;
using VmiPl.Probes;
using VmiPl.Symbols;

namespace VmiPl.Commands;

/// <summary>Every place where the cmdlets enter the Engine, so that its doors are named once.</summary>
internal static class EngineAccess
{
    private static VmiLimits Limits => VmiLimits.Default;

    /// <summary>The QEMU machines that run on this host; one that can't be looked at goes to <paramref name="report"/>.</summary>
    public static IEnumerable<VmiMachine> FindMachines(Action<VmiException> report) => MachineFinder.Find(Limits, report);

    public static VmiMachine OpenProcess(int processId) => MachineConnector.OpenProcess(processId, Limits);

    /// <summary>What would be started; nothing is. Throws <c>QemuUnavailable</c> or <c>InvalidArgument</c>.</summary>
    public static MachineLaunch PlanMachine(LaunchOptions options) => MachineLaunch.Plan(options);

    /// <summary>Starts a machine and waits until its monitor answers; where it throws, nothing is left behind.</summary>
    public static LaunchedMachine StartMachine(MachineLaunch launch, CancellationToken stop) => launch.Start(Limits, stop);

    /// <summary>The names of the QEMU programs of this host.</summary>
    public static IReadOnlyList<string> QemuPrograms => QemuProgram.Installed;

    public static VmiMachine OpenMonitor(string socketPath) => MachineConnector.OpenMonitor(socketPath, Limits);

    public static VmiMachine OpenLibvirt(string domain) => MachineConnector.OpenLibvirt(domain, Limits);

    public static VmiMachine OpenDump(string path, string format) =>
        DumpFile.Open(path, Limits, Enum.Parse<DumpFormat>(format, ignoreCase: true));

    public static IReadOnlyList<VcpuRegisters> ReadRegisters(VmiMachine machine) => RegisterReader.Read(machine);

    /// <summary>Saves memory; with the registers where they can be had, as without a monitor memory alone is worth saving.</summary>
    public static SaveResult WriteCore(VmiMachine machine, string path, IProgress<double> progress, CancellationToken stop)
    {
        IReadOnlyList<VcpuRegisters> registers = [];
        try
        {
            registers = RegisterReader.Read(machine);
        }
        catch (VmiException e) when (e.Code != VmiErrorCode.MachineLost)
        {
        }
        return CoreWriter.Write(machine, path, registers, progress, stop);
    }

    /// <summary>The machine's Linux; found on first use. Throws <c>KernelNotFound</c> and what reading memory throws.</summary>
    public static LinuxGuest GuestOf(VmiMachine machine) => LinuxGuest.Of(machine);

    public static ProcessList ListProcesses(VmiMachine machine, bool includeThreads, CancellationToken stop) =>
        GuestOf(machine).Processes(new ProcessQuery { IncludeThreads = includeThreads }, stop);

    public static IEnumerable<VmiModule> ListModules(VmiMachine machine) => GuestOf(machine).Modules();

    public static ISymbolTable SymbolsOf(LinuxGuest guest) => guest.Symbols();

    /// <summary>The address of a symbol of the kernel or a module. Throws <c>SymbolNotFound</c>.</summary>
    public static ulong FindSymbol(LinuxGuest guest, string name)
    {
        if (guest.TryFindSymbol(name, out GuestVirtualAddress address))
            return address.Value;
        throw new VmiException(VmiErrorCode.SymbolNotFound, $"The kernel of '{guest.Machine.Name}' has no symbol '{name}'.", name);
    }

    /// <summary>Reads and checks a script. A file that can't be read is a script whose one diagnostic says so.</summary>
    public static VmiScript ReadScript(string file) => ScriptReader.ReadFile(file);

    /// <summary>Reads and checks a script's text.</summary>
    public static VmiScript ReadScript(SourceText text) => ScriptReader.Read(text);

    /// <summary>Compiles a script for a guest, or for none. What reading the guest throws passes through.</summary>
    public static CompiledScript CompileScript(VmiScript script, LinuxGuest? guest) => ScriptCompiler.Compile(script, guest);

    /// <summary>Places a script's probes and lets them work. Throws why it cannot be; then nothing is left behind.</summary>
    public static ProbeSession StartProbes(LinuxGuest guest, CompiledScript script, SessionOptions options) => ProbeSession.Start(guest, script, options);

    /// <summary>A fresh address space: a process's own, or the kernel's where <paramref name="processId"/> is null.</summary>
    public static AddressSpace OpenSpace(LinuxGuest guest, int? processId) =>
        processId is int id ? guest.OpenProcessSpace(id) : guest.OpenKernelSpace();
}
