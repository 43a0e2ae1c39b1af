using System.Text;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Processes;

namespace VmiPl.Launch;

/// <summary>QEMU's arguments: the operator's, and behind them what this module needs and they lack: a name, a monitor. A machine that has
/// no terminal gets no display either where none is named: QEMU would open a window, or listen for VNC where it can't.</summary>
internal sealed class LaunchArguments
{
    private const int MaxConfigurationBytes = 1 << 20;
    private static readonly HashSet<string> Displays =
        new(StringComparer.Ordinal) { "display", "vnc", "spice", "nographic", "curses", "sdl", "full-screen" };
    private readonly List<string> _arguments;
    private readonly string _folder;

    private LaunchArguments(List<string> arguments, string name, string folder)
    {
        _arguments = arguments;
        _folder = folder;
        Name = name;
    }

    /// <summary>The machine's name.</summary>
    public string Name { get; }

    /// <summary>The arguments without a monitor of this module's own.</summary>
    public IReadOnlyList<string> Shown => _arguments;

    /// <summary>Completes the arguments. Throws <c>InvalidArgument</c> for what would take the machine out of hand.</summary>
    public static LaunchArguments Of(LaunchOptions options)
    {
        List<string> arguments = options.ConfigPath is { } file ? ["-readconfig", file, .. options.Arguments] : [.. options.Arguments];
        if (arguments.Append(options.Name ?? "").Any(a => a.Contains('\0', StringComparison.Ordinal)))
            throw new VmiException(VmiErrorCode.InvalidArgument, "An argument can't hold a NUL character.");
        if (arguments.Any(a => a.TrimStart('-') == "daemonize" && a.StartsWith('-')))
            throw new VmiException(VmiErrorCode.InvalidArgument, "The machine runs on without this session anyhow: leave -daemonize out.", "-daemonize");
        string? given = Parse(arguments, options.Folder).Name;
        string name = options.Name ?? given ?? Path.GetFileNameWithoutExtension(options.ConfigPath) ?? $"vm-{Guid.NewGuid().ToString("N")[..6]}";
        if (name != given)
            arguments.AddRange(["-name", $"guest={name.Replace(",", ",,", StringComparison.Ordinal)}"]);   // the last one counts
        if (!HasDisplay(arguments, options.Folder))
            arguments.AddRange(["-display", "none"]);
        return new LaunchArguments(arguments, name, options.Folder);
    }

    /// <summary>All the arguments, and the QMP monitor among them that is to be asked: the operator's where it listens at a Unix
    /// socket, else one at <paramref name="path"/>, which needs no quotes.</summary>
    public IReadOnlyList<string> WithMonitor(string path, out string monitor)
    {
        MonitorEndpoint? given = Parse(_arguments, _folder).Monitors.FirstOrDefault(m => m is { Kind: MonitorKind.Qmp, Path: not null });
        monitor = given is null ? path : given.Path!.StartsWith('@') ? given.Path : Path.GetFullPath(given.Path, _folder);
        return given is null ? [.. _arguments, "-qmp", $"unix:{path},server=on,wait=off"] : _arguments;
    }

    private static QemuCommandLine Parse(IEnumerable<string> arguments, string folder) =>
        QemuCommandLine.Parse(["qemu", .. arguments], file => Read(Path.GetFullPath(file, folder)));

    private static bool HasDisplay(List<string> arguments, string folder) =>
        arguments.Any(a => a.StartsWith('-') && Displays.Contains(a.TrimStart('-')))
        || OptionGroup.FromArguments(arguments, file => Read(Path.GetFullPath(file, folder))).Any(g => g.Group is "vnc" or "spice");

    /// <summary>A configuration's text; null where it can't be read, which QEMU has words for.</summary>
    private static string? Read(string path)
    {
        using SafeFileHandle? file = NativeFile.TryOpenRegular(path, out _);
        return file is not null && RandomAccess.GetLength(file) <= MaxConfigurationBytes && ProcFs.ReadAll(file) is { } bytes
            ? Encoding.UTF8.GetString(bytes) : null;
    }
}
