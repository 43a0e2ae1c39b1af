using System.Globalization;
using System.Text.RegularExpressions;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.TestGuests;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>What a session could leave behind in a guest, in its QEMU and on this host.</summary>
internal static partial class QemuTrace
{
    /// <summary>QEMU's own word for its run state.</summary>
    public static string Status(TestGuest guest)
    {
        using var monitor = new QmpSocket(guest.MonitorPath!);
        return monitor.Execute("query-status").GetProperty("status").GetString()!;
    }

    /// <summary>Names of QEMU's character devices. The stub is <c>gdb</c>; what it shows a client of its monitor has no name, and stays.</summary>
    public static IReadOnlyList<string?> Chardevs(TestGuest guest)
    {
        using var monitor = new QmpSocket(guest.MonitorPath!);
        return [.. monitor.Execute("query-chardev").EnumerateArray().Select(device => device.GetProperty("label").GetString())];
    }

    /// <summary>DR0 to DR7 of all vCPUs, as QEMU shows them.</summary>
    public static string DebugRegisters(TestGuest guest)
    {
        using var monitor = new QmpSocket(guest.MonitorPath!);
        return string.Join('\n', DebugRegister().Matches(monitor.Human("info registers -a")).Select(match => match.Value));
    }

    /// <summary>All code of the kernel and its modules, by where it starts.</summary>
    public static SortedDictionary<ulong, byte[]> Text(LinuxGuest guest)
    {
        Assert.True(guest.TryFindSymbol("_stext", out GuestVirtualAddress start));
        Assert.True(guest.TryFindSymbol("_etext", out GuestVirtualAddress end));
        AddressSpace space = guest.OpenKernelSpace();
        var text = new SortedDictionary<ulong, byte[]> { [start.Value] = Read(space, start.Value, (int)(end.Value - start.Value)) };
        foreach (ModuleList.Found module in ModuleList.Read(guest.Profile, space, guest.Machine.Name, guest.Machine.Limits))
        {
            (ulong first, uint length) = ModuleLayout.From(guest.Profile).Text(space, module.Address);
            text.Add(first, Read(space, first, (int)length));
        }
        return text;
    }

    /// <summary>Bytes of memory that a QEMU has taken for itself: neither the guest's, which is a shared file's, nor the large buffer that TCG
    /// translates into.</summary>
    public static long OwnBytes(int process)
    {
        const long TranslationBuffer = 128 << 20;
        long sum = 0;
        bool counts = false;
        foreach (string line in File.ReadLines($"/proc/{process}/smaps"))
        {
            if (Mapping().Match(line) is { Success: true } mapping)
                counts = Number(mapping, 2) - Number(mapping, 1) < TranslationBuffer && !line.Contains("memfd", StringComparison.Ordinal);
            else if (counts && line.StartsWith("Rss:", StringComparison.Ordinal))
                sum += long.Parse(line[4..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) << 10;
        }
        return sum;
    }

    /// <summary>Number of files that a process has open.</summary>
    public static int OpenFiles(int process) => Directory.GetFiles($"/proc/{process}/fd").Length;

    /// <summary>The guardians of this machine: those whose arguments name its monitor.</summary>
    public static IReadOnlyList<int> Guardians(TestGuest guest) => Processes("vmi-guardian", guest.MonitorPath!);

    /// <summary>What brings the shim into this machine's QEMU or takes it out.</summary>
    public static IReadOnlyList<int> Injectors(TestGuest guest) => Processes("vmi-inject", string.Create(CultureInfo.InvariantCulture, $"\0{guest.ProcessId}\0"));

    private static IReadOnlyList<int> Processes(string program, string argument) =>
    [
        .. Directory.GetDirectories("/proc").Select(path => Path.GetFileName(path)).Where(name => name.All(char.IsAsciiDigit)).Where(name =>
            Try(() => File.ReadAllText($"/proc/{name}/cmdline")) is { } line && line.Contains(program, StringComparison.Ordinal) && line.Contains(argument, StringComparison.Ordinal))
            .Select(name => int.Parse(name, CultureInfo.InvariantCulture)),
    ];

    /// <summary>Holds that nothing of a session is left, once what dies by itself has had time to: the machine runs, or is in the state given.</summary>
    public static void AssertClean(TestGuest guest, string status = "running")
    {
        IdleQemu.Await(() => Guardians(guest).Count == 0 && !Chardevs(guest).Contains("gdb"));
        Assert.Equal(status, Status(guest));
    }

    private static byte[] Read(AddressSpace space, ulong start, int length)
    {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length; at += 4096)
            space.Read(new GuestVirtualAddress(start + (ulong)at), bytes.AsSpan(at, Math.Min(4096, length - at)));
        return bytes;
    }

    private static string? Try(Func<string> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static long Number(Match match, int group) => long.Parse(match.Groups[group].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    [GeneratedRegex("^([0-9a-f]{1,15})-([0-9a-f]{1,15}) ")]
    private static partial Regex Mapping();

    [GeneratedRegex("DR[0-7]=[0-9a-f]+")]
    private static partial Regex DebugRegister();
}
