using System.Globalization;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Processes;
using VmiPl.Memory;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Finds the fastest way to a machine's memory that works: a shared mapping, <c>process_vm_readv</c>,
/// <c>/proc/PID/mem</c>, the monitor. Each counts only when one byte was read through it.</summary>
internal sealed class MemoryOpener
{
    private readonly ProcessIdentity? _process;
    private readonly QemuCommandLine? _commandLine;
    private readonly Func<IMachineMonitor?> _monitor;
    private readonly List<string> _problems = [];
    private bool _denied, _monitorFailed;

    /// <summary>Makes an opener for one machine; what it is given is not owned. <paramref name="monitor"/> may throw.</summary>
    public MemoryOpener(ProcessIdentity? process, QemuCommandLine? commandLine, Func<IMachineMonitor?> monitor)
    {
        _process = process;
        _commandLine = commandLine;
        _monitor = monitor;
    }

    /// <summary>Opens the memory. Throws <c>MachineLost</c>, <c>AccessDenied</c> or <c>MemoryUnavailable</c>, the latter two with
    /// what was tried and why it failed.</summary>
    public IGuestMemory Open(string machine)
    {
        _process?.Demand();
        if (_process is not null && FromProcess(_process) is { } memory)
            return memory;
        if (FromMonitor() is { } slow)
            return slow;
        _process?.Demand();
        string tried = string.Join("; ", _problems);
        throw _denied
            ? new VmiException(VmiErrorCode.AccessDenied,
                $"The memory of '{machine}' may not be read by this user: {tried}. Run as the user of QEMU or with CAP_SYS_PTRACE.{Yama()}", machine)
            : new VmiException(VmiErrorCode.MemoryUnavailable, $"No way to the memory of '{machine}' works: {tried}.", machine);
    }

    private IGuestMemory? FromProcess(ProcessIdentity process)
    {
        IReadOnlyList<ProcessMapping>? mappings = ProcessMapping.ReadAll(process.Id, out int error);
        if (mappings is null)
            Note("the mappings of the process", error);
        RamMap? map = AskMonitor(withHost: true) ?? Guess(mappings);
        if (map is null)
            return null;
        if (mappings is not null)
        {
            if (SharedRamMemory.TryOpen(process, map, mappings, out string problem) is { } shared && Works(shared))
                return shared;
            _problems.Add($"shared mapping: {(problem.Length > 0 ? problem : "not readable")}");
        }
        var vm = new ProcessVmMemory(process, map);
        if (Works(vm))
            return vm;
        ulong host = map.Segments[0].Host;
        Span<byte> one = stackalloc byte[1];
        ProcessVm.Read(process.Id, host, one, out error);
        Note("process_vm_readv", error);
        ProcMemMemory? file = ProcMemMemory.TryOpen(process, map, out error);
        if (file is not null && Works(file))
            return file;
        file?.Dispose();
        Note("/proc/PID/mem", error);
        return null;
    }

    private MonitorMemory? FromMonitor()
    {
        if (AskMonitor(withHost: false) is not { } map || _monitor() is not { } monitor)
            return null;
        var memory = new MonitorMemory(monitor.HumanCommand, map);
        if (Works(memory))
            return memory;
        _problems.Add("monitor: it does not show memory");
        return null;
    }

    private RamMap? AskMonitor(bool withHost)
    {
        try
        {
            // A monitor that kept us waiting once will do so again.
            IMachineMonitor? monitor = _monitorFailed ? null : _monitor();
            if (monitor is not null)
                return MemoryTree.Read(monitor.HumanCommand, withHost);
        }
        catch (VmiException e) when (e.Code != VmiErrorCode.MachineLost)
        {
            _monitorFailed = true;
            _problems.Add($"monitor: {e.Message}");
        }
        return null;
    }

    /// <summary>The map from the process's own mappings; see <see cref="RamLayout"/>.</summary>
    private RamMap? Guess(IReadOnlyList<ProcessMapping>? mappings)
    {
        if (mappings is null || _commandLine is null || _process is null)
            return null;
        IReadOnlyList<(ulong Host, ulong Length)> blocks = RamBlocks.Find(mappings, _commandLine.RamBackends);
        if (blocks.Count == 0)
        {
            _problems.Add("no mapping of the process looks like guest RAM");
            return null;
        }
        ulong total = blocks.Aggregate(0UL, (sum, block) => sum + block.Length);
        RamMap[] candidates = [.. RamLayout.Candidates(_commandLine.MachineType, total, _commandLine.MaxRamBelow4G).Select(l => l.Place(blocks))];
        return candidates.Length == 1 ? candidates[0]
            : candidates.FirstOrDefault(map => AcpiTables.AreAtTopOfLowMemory(new ProcessVmMemory(_process, map))) ?? candidates[0];
    }

    private static bool Works(IGuestMemory memory)
    {
        Span<byte> one = stackalloc byte[1];
        return memory.Ranges.Count > 0 && memory.Read(memory.Ranges[0].Start, one) == 1;
    }

    private void Note(string way, int error)
    {
        _denied |= Errno.IsDenied(error);
        _problems.Add($"{way}: {(error == 0 ? "nothing there" : Errno.Text(error))}");
    }

    private static string Yama()
    {
        const string Path = "/proc/sys/kernel/yama/ptrace_scope";
        try
        {
            string scope = File.Exists(Path) ? File.ReadAllText(Path).Trim() : "0";
            return scope == "0" ? "" : string.Create(CultureInfo.InvariantCulture, $" (kernel.yama.ptrace_scope is {scope}: without that capability even one's own processes are closed.)");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
