using System.Globalization;
using System.Text;

namespace VmiPl.TestGuests;

/// <summary>What a guest says of itself.</summary>
public sealed class GroundTruth
{
    private readonly IReadOnlyDictionary<string, byte[]> _files;

    internal GroundTruth(IReadOnlyDictionary<string, byte[]> files, IReadOnlyList<GuestTask> tasks)
    {
        _files = files;
        Tasks = tasks;
    }

    /// <summary>All tasks, threads included, by ascending id.</summary>
    public IReadOnlyList<GuestTask> Tasks { get; }

    /// <summary>The first threads of all groups: what <c>ps</c> lists.</summary>
    public IEnumerable<GuestTask> Processes => Tasks.Where(t => t.IsLeader);

    /// <summary>Clock ticks per second of <see cref="GuestTask.StartTicks"/> (USER_HZ, 100 on x86).</summary>
    public static int TicksPerSecond => 100;

    /// <summary>The kernel's banner, <c>/proc/version</c>.</summary>
    public string Version => Text("/proc/version").Trim();

    /// <summary>The kernel's release, as <c>uname -r</c>.</summary>
    public string Release => Version.Split(' ')[2];

    /// <summary>Since the guest's boot, when the snapshot was taken.</summary>
    public TimeSpan Uptime => TimeSpan.FromSeconds(double.Parse(Text("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture));

    /// <summary>The boot's time in UTC, whole seconds (<c>btime</c> in <c>/proc/stat</c>).</summary>
    public DateTime BootTime => DateTime.UnixEpoch.AddSeconds(long.Parse(
        Lines("/proc/stat").First(l => l.StartsWith("btime ", StringComparison.Ordinal))["btime ".Length..], CultureInfo.InvariantCulture));

    /// <summary>The loaded modules.</summary>
    public IReadOnlyList<GuestModule> Modules => [.. Lines("/proc/modules").Select(l => l.Split(' ')).Select(f =>
        new GuestModule(f[0], ulong.Parse(f[1], CultureInfo.InvariantCulture), Address(f[5])))];

    /// <summary>All symbols, in the kernel's order; empty unless the snapshot was a full one.</summary>
    public IReadOnlyList<GuestSymbol> Kallsyms => [.. Lines("/proc/kallsyms").Select(Symbol)];

    /// <summary>The kernel's own BTF; empty unless the snapshot was a full one, and where the kernel has none.</summary>
    public ReadOnlyMemory<byte> Btf => File("/sys/kernel/btf/vmlinux");

    /// <summary>The ELF notes of the kernel, with its build id.</summary>
    public ReadOnlyMemory<byte> Notes => File("/sys/kernel/notes");

    /// <summary>The content of any file that the agent copies (see <c>agent/snapshot.c</c>); empty if it is not there.</summary>
    public ReadOnlyMemory<byte> File(string path) => _files.TryGetValue(path, out var bytes) ? bytes : ReadOnlyMemory<byte>.Empty;

    /// <summary><see cref="File"/> as text.</summary>
    public string Text(string path) => Encoding.UTF8.GetString(File(path).Span);

    private string[] Lines(string path) => Text(path).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static ulong Address(string text) => ulong.Parse(text.AsSpan(text.StartsWith("0x", StringComparison.Ordinal) ? 2 : 0),
        NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    // "ffffffff81000000 T _stext" or "ffffffffc0000000 t name\t[module]"
    private static GuestSymbol Symbol(string line)
    {
        var fields = line.Split([' ', '\t'], 4, StringSplitOptions.RemoveEmptyEntries);
        return new GuestSymbol(Address(fields[0]), fields[1][0], fields[2], fields.Length > 3 ? fields[3].Trim('[', ']') : null);
    }
}
