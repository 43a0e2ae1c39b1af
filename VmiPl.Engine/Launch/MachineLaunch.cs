using System.Collections;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines;
using VmiPl.Machines.Processes;
using VmiPl.Probes.Shim;

namespace VmiPl.Launch;

/// <summary>The start of a machine: a QEMU with the shim loaded, which lives on when this process ends.</summary>
public sealed class MachineLaunch
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly LaunchArguments _arguments;
    private readonly string _folder;

    private MachineLaunch(string program, LaunchArguments arguments, string folder)
    {
        Program = program;
        _arguments = arguments;
        _folder = folder;
    }

    /// <summary>The QEMU program's path.</summary>
    public string Program { get; }

    /// <summary>The machine's name.</summary>
    public string Name => _arguments.Name;

    /// <summary>QEMU's arguments; a monitor of this module's own comes behind them.</summary>
    public IReadOnlyList<string> Arguments => _arguments.Shown;

    /// <summary>Says what would be started, and starts nothing. Throws <c>QemuUnavailable</c> or <c>InvalidArgument</c>.</summary>
    public static MachineLaunch Plan(LaunchOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new MachineLaunch(QemuProgram.Find(options.Qemu, options.Folder), LaunchArguments.Of(options), options.Folder);
    }

    /// <summary>Starts QEMU and waits until its monitor answers. Throws <c>StartFailed</c> with QEMU's own words where it ends before,
    /// <c>Timeout</c>, <c>ShimUnavailable</c>, <c>QemuUnavailable</c>, <c>FileFailure</c>, <c>AccessDenied</c>,
    /// <c>MachineNotFound</c> (it is no QEMU with a guest) or <see cref="OperationCanceledException"/>; then nothing is left
    /// behind.</summary>
    public LaunchedMachine Start(VmiLimits limits, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(limits);
        string shim = ShimLibrary.Find();
        MachineFolder folder = MachineFolder.Create();
        DetachedProcess? qemu = null;
        try
        {
            IReadOnlyList<string> arguments = _arguments.WithMonitor(folder.MonitorPath, out string monitor);
            qemu = Spawn(arguments, Environment(folder.PathTo(shim)), folder);
            Await(qemu, monitor, folder, limits.MaxStartTime, stop);
            if (monitor == folder.MonitorPath)
                File.SetUnixFileMode(monitor, OwnerOnly);
            var machine = new LaunchedMachine(MachineConnector.OpenProcess(qemu.Id, limits), folder.LogPath, HasShim(qemu.Id));
            qemu.Ended.ContinueWith(_ => folder.Leave(), TaskScheduler.Default);
            return machine;
        }
        catch
        {
            qemu?.Stop();
            folder.Dispose();
            throw;
        }
    }

    private DetachedProcess Spawn(IReadOnlyList<string> arguments, IEnumerable<string> environment, MachineFolder folder)
    {
        try
        {
            return DetachedProcess.TryStart(Program, arguments, environment, _folder, folder.Log, out int error)
                ?? throw new VmiException(VmiErrorCode.QemuUnavailable, $"'{Program}' can't be started: {Errno.Text(error)}.", Program);
        }
        catch (EntryPointNotFoundException e)
        {
            throw new VmiException(VmiErrorCode.NotSupported, "Starting a machine needs glibc 2.29 or later, or musl 1.1.24.", Program, e);
        }
    }

    private void Await(DetachedProcess qemu, string monitor, MachineFolder folder, TimeSpan longest, CancellationToken stop)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task up = MonitorGreeting.WaitAsync(monitor, over.Token);
        try
        {
            int first = Task.WaitAny([up, qemu.Ended], (int)longest.TotalMilliseconds, stop);
            if (first == 0)
            {
                up.GetAwaiter().GetResult();
                return;
            }
            throw first > 0
                ? new VmiException(VmiErrorCode.StartFailed, $"QEMU has ended with {qemu.End} at its start: {Words(folder)}", Name)
                : new VmiException(VmiErrorCode.Timeout,
                    $"QEMU was started, but its monitor '{monitor}' did not answer within {longest.TotalSeconds:0} s, and it was ended. {Words(folder)}", Name);
        }
        finally
        {
            over.Cancel();
        }
    }

    private static string Words(MachineFolder folder) => folder.Messages() is { Length: > 0 } words ? words : "It said nothing.";

    /// <summary>This process's environment with the library in it, and the folder that ProcFs tells relative paths by.</summary>
    private IEnumerable<string> Environment(string library)
    {
        IDictionary variables = System.Environment.GetEnvironmentVariables();
        variables["LD_PRELOAD"] = ShimLibrary.Preload(library);
        variables["PWD"] = _folder;
        return variables.Cast<DictionaryEntry>().Select(variable => $"{variable.Key}={variable.Value}");
    }

    private static bool HasShim(int processId) =>
        ProcessMapping.ReadAll(processId, out _)?.Any(m => Path.GetFileName(m.Path) == ShimLibrary.FileName) == true;
}
