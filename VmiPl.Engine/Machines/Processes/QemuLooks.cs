namespace VmiPl.Machines.Processes;

/// <summary>Whether a process could be a QEMU, by what everybody may see of it. Only a sieve: what passes is looked at
/// closely by <see cref="QemuExecutable"/>.</summary>
internal static class QemuLooks
{
    // Options that a QEMU for a guest hardly does without; other programs have some of them too.
    private static readonly HashSet<string> Telling = new(StringComparer.Ordinal)
    {
        "m", "M", "machine", "accel", "smp", "qmp", "monitor", "mon", "kernel", "drive", "readconfig", "nodefaults", "enable-kvm",
        "device", "netdev", "nographic", "display", "blockdev", "cdrom", "hda", "S", "daemonize", "chardev", "cpu", "boot", "vnc", "serial",
    };

    /// <summary>Whether a program's name is one of QEMU's system emulators: <c>qemu-system-*</c>, <c>qemu-kvm</c>, <c>kvm</c>.</summary>
    public static bool IsQemuName(string path)
    {
        string name = Path.GetFileName(path);
        // comm holds 15 characters: qemu-system-x86.
        return name.StartsWith("qemu-system-", StringComparison.Ordinal) || name is "qemu-kvm" or "kvm";
    }

    /// <summary>How many of QEMU's usual options a command line has.</summary>
    public static int CountOptions(IReadOnlyList<string> arguments)
    {
        int count = 0;
        for (int i = 1; i < arguments.Count; i++)
        {
            ReadOnlySpan<char> argument = arguments[i];
            if (argument.Length > 1 && argument[0] == '-' && Telling.Contains(argument.TrimStart('-').ToString()))
                count++;
        }
        return count;
    }

    /// <summary>Whether a process that can't be looked into is a QEMU in all likelihood: by its own name, or by several
    /// options where no later argument names a QEMU (<c>timeout 5 qemu-system-x86_64 …</c> only starts one).</summary>
    public static bool IsLikely(IReadOnlyList<string> arguments, string comm) =>
        arguments.Count > 0
        && (IsQemuName(comm) || IsQemuName(arguments[0])
            || (CountOptions(arguments) >= 3 && !arguments.Skip(1).Any(IsQemuName)));
}
