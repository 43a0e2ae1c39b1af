using System.Globalization;
using System.Text;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines.CommandLine;

namespace VmiPl.Machines.Processes;

/// <summary>What a QEMU process shows of itself under <c>/proc</c>. A picture of one moment, with nothing held open.</summary>
internal sealed class QemuProcess
{
    private const int MaxConfigurationBytes = 1 << 20;
    private readonly QemuExecutable? _executable;
    private readonly string _programName;

    private QemuProcess(int id, IReadOnlyList<string> arguments, QemuExecutable? executable)
    {
        Id = id;
        _executable = executable;
        _programName = Path.GetFileName(ProcFs.Link(id, "exe", out _)?.Replace(" (deleted)", "", StringComparison.Ordinal) ?? arguments[0]);
        CommandLine = QemuCommandLine.Parse(arguments, ReadConfiguration);
        UsesKvm = HasKvm(id);
    }

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>What its command line says.</summary>
    public QemuCommandLine CommandLine { get; }

    /// <summary>Whether it has a KVM virtual machine open; false also where its open files can't be seen.</summary>
    public bool UsesKvm { get; }

    /// <summary>The guest's name: the one given, else <c>qemu-PID</c>.</summary>
    public string Name => CommandLine.Name is { Length: > 0 } name ? name : string.Create(CultureInfo.InvariantCulture, $"qemu-{Id}");

    /// <summary>The accelerator in use, as far as can be told: a KVM that is open is proof; among those named the first that is
    /// not KVM is next (QEMU falls back in their order).</summary>
    public string Accelerator
    {
        get
        {
            if (UsesKvm)
                return "kvm";
            IReadOnlyList<string> named = CommandLine.Accelerators;
            if (_executable is not null)
                return named.FirstOrDefault(a => a != "kvm") ?? "tcg";
            return named.Count > 0 ? named[0] : _programName.StartsWith("qemu-system-", StringComparison.Ordinal) ? "tcg" : "kvm";
        }
    }

    /// <summary>The emulated architecture; empty where only the monitor could tell.</summary>
    public string Architecture
    {
        get
        {
            const string Prefix = "qemu-system-";
            string name = _programName.StartsWith(Prefix, StringComparison.Ordinal) ? _programName[Prefix.Length..] : "";
            name = name.Split('-')[0];   // Debian: qemu-system-x86_64-microvm
            return name switch
            {
                "amd64" => "x86_64",
                "" => _executable?.Architecture ?? "",
                _ => name,
            };
        }
    }

    /// <summary>The process of that id if it is a QEMU with a guest. Null where it is not, or is gone.
    /// <paramref name="denied"/> is set where it looks like one and this user may not see.</summary>
    public static QemuProcess? TryOpen(int id, out VmiException? denied)
    {
        denied = null;
        IReadOnlyList<string> arguments = ProcFs.Arguments(id);
        if (arguments.Count == 0)
            return null;
        string? program = ProcFs.Link(id, "exe", out int error);
        if (program is null)
        {
            if (Errno.IsDenied(error) && QemuLooks.IsLikely(arguments, ProcFs.ReadText(id, "comm", out _)?.Trim() ?? ""))
                denied = Denied(id);
            return null;
        }
        if (!QemuLooks.IsQemuName(program) && QemuLooks.CountOptions(arguments) == 0 && !HasKvm(id))
            return null;
        QemuExecutable? executable = QemuExecutable.Of(id, out error);
        if (executable is null && Errno.IsDenied(error) && QemuLooks.IsQemuName(program))
            denied = Denied(id);
        if (executable is not { IsQemu: true })
            return null;
        var process = new QemuProcess(id, arguments, executable);
        // Machine "none" has no guest: libvirt starts such ones for a moment to ask QEMU what it can do.
        return process.CommandLine.MachineType == "none" ? null : process;
    }

    /// <summary>A process that this user may not look into, by its command line alone; null where it has none.</summary>
    public static QemuProcess? FromCommandLine(int id) =>
        ProcFs.Arguments(id) is { Count: > 0 } arguments ? new QemuProcess(id, arguments, null) : null;

    /// <summary>An error for a process that this user may not look into.</summary>
    public static VmiException Denied(int id) => new(
        VmiErrorCode.AccessDenied,
        string.Create(CultureInfo.InvariantCulture, $"Process {id} looks like a QEMU of another user and may not be looked into. Run as that user, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH."),
        id.ToString(CultureInfo.InvariantCulture));

    /// <summary>The monitors that can be connected to, paths as they are seen from here. A socket handed to QEMU as a file
    /// number gets the path at which it listens.</summary>
    public IReadOnlyList<MonitorEndpoint> Monitors()
    {
        var found = new List<MonitorEndpoint>();
        foreach (MonitorEndpoint monitor in CommandLine.Monitors)
        {
            string? path = monitor.FileNumber is { } number ? ListeningPath(number) : monitor.Path;
            if (path is null && monitor.Host is null)
                continue;
            if (path is not null && !path.StartsWith('@'))
                path = ProcFs.PathSeenFromHere(Id, path);
            found.Add(monitor with { Path = path, FileNumber = null });
        }
        return found;
    }

    private string? ListeningPath(int number) =>
        ProcFs.Link(Id, string.Create(CultureInfo.InvariantCulture, $"fd/{number}"), out _) is { } target
        && UnixSockets.InodeOf(target) is { } inode
            ? UnixSockets.Listening(Id).GetValueOrDefault(inode) : null;

    private string? ReadConfiguration(string path)
    {
        string here = path.StartsWith("/dev/fd/", StringComparison.Ordinal) ? ProcFs.PathOf(Id, "fd/" + path[8..])
            : ProcFs.PathSeenFromHere(Id, path);
        using Microsoft.Win32.SafeHandles.SafeFileHandle? file = NativeFile.TryOpen(here, writable: false, out _);
        if (file is null || !NativeFile.TryGetFacts(file, out FileFacts facts) || !facts.IsRegular || facts.Size > MaxConfigurationBytes)
            return null;
        return ProcFs.ReadAll(file) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;
    }

    private static bool HasKvm(int id) =>
        ProcFs.OpenFiles(id).Any(f => f.Target.StartsWith("anon_inode:kvm-v", StringComparison.Ordinal));
}
