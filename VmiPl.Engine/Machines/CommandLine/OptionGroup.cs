using System.Globalization;

namespace VmiPl.Machines.CommandLine;

/// <summary>One option of a QEMU command line or one section of a <c>-readconfig</c> file: its group (<c>machine</c>,
/// <c>memory</c>, <c>chardev</c>…), its id where it has one, and its keys.</summary>
internal sealed record OptionGroup(string Group, IReadOnlyDictionary<string, string> Options)
{
    // Option ─► group and the key of a first value without one. Names are those of QEMU's own -readconfig sections.
    private static readonly Dictionary<string, (string Group, string FirstKey)> Known = new(StringComparer.Ordinal)
    {
        ["name"] = ("name", "guest"), ["m"] = ("memory", "size"), ["smp"] = ("smp-opts", "cpus"),
        ["machine"] = ("machine", "type"), ["M"] = ("machine", "type"), ["accel"] = ("accel", "accel"),
        ["object"] = ("object", "qom-type"), ["numa"] = ("numa", "type"), ["chardev"] = ("chardev", "backend"),
        ["mon"] = ("mon", "chardev"), ["global"] = ("global", "driver"),
    };

    // Options whose value is one whole text; "qmp", "monitor" and "mem-path" are read here, the rest only skipped, so that
    // a value that looks like an option is not taken for one.
    private static readonly HashSet<string> WholeValue = new(StringComparer.Ordinal)
    {
        "qmp", "qmp-pretty", "monitor", "mem-path", "append", "kernel", "initrd", "dtb", "bios", "drive", "device", "netdev", "nic",
        "net", "serial", "parallel", "display", "vnc", "spice", "boot", "cdrom", "hda", "hdb", "hdc", "hdd", "fda", "cpu", "rtc",
        "pidfile", "D", "d", "L", "incoming", "uuid", "smbios", "fw_cfg", "sandbox", "run-with", "runas", "chroot", "gdb", "trace",
        "loadvm", "k", "vga", "usbdevice", "blockdev", "virtfs", "fsdev", "tpmdev", "audio", "audiodev", "overcommit", "icount",
        "msg", "action", "set", "add-fd", "option-rom", "watchdog-action", "semihosting-config", "compat", "shim", "plugin", "seed",
    };

    /// <summary>The options of a command line (without the program's name), those of its <c>-readconfig</c> files in their
    /// places. <paramref name="readFile"/> gives such a file's text, or null.</summary>
    public static IReadOnlyList<OptionGroup> FromArguments(IReadOnlyList<string> arguments, Func<string, string?> readFile)
    {
        var groups = new List<OptionGroup>();
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            if (!argument.StartsWith('-') || argument.Length < 2)
                continue;
            string option = argument[1] == '-' ? argument[2..] : argument[1..];
            if (option is "enable-kvm")
                groups.Add(new OptionGroup("accel", OptionText.Parse("kvm", "accel")));
            else if (i + 1 >= arguments.Count)
                break;
            else if (option is "readconfig")
                groups.AddRange(FromConfiguration(readFile(arguments[++i]) ?? ""));
            else if (Known.TryGetValue(option, out (string Group, string FirstKey) known))
                groups.Add(new OptionGroup(known.Group, OptionText.Parse(arguments[++i], known.FirstKey)));
            else if (WholeValue.Contains(option))
                groups.Add(new OptionGroup(option, new Dictionary<string, string> { [""] = arguments[++i] }));
        }
        return groups;
    }

    /// <summary>The sections of a <c>-readconfig</c> file: <c>[group]</c> or <c>[group "id"]</c>, then <c>key = "value"</c>.</summary>
    public static IReadOnlyList<OptionGroup> FromConfiguration(string text)
    {
        var groups = new List<OptionGroup>();
        Dictionary<string, string>? options = null;
        foreach (string raw in text.Split('\n'))
        {
            string line = raw.Trim();
            if (line.StartsWith('[') && line.EndsWith(']'))
            {
                string[] title = line[1..^1].Split('"');
                options = new Dictionary<string, string>(StringComparer.Ordinal);
                if (title.Length > 1)
                    options["id"] = title[1];
                groups.Add(new OptionGroup(title[0].Trim(), options));
                continue;
            }
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (options is not null && equals > 0 && !line.StartsWith('#'))
                options[line[..equals].Trim()] = line[(equals + 1)..].Trim().Trim('"');
        }
        return groups;
    }

    /// <summary>The value of a key, or null.</summary>
    public string? this[string key] => Options.GetValueOrDefault(key);

    /// <summary>A key's value as a positive number, or null.</summary>
    public int? Number(string key) =>
        int.TryParse(this[key], NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value : null;
}
