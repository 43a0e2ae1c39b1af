using System.Globalization;

namespace VmiPl.Symbols;

/// <summary>What the keys of a VMI-PL Configuration stand for in a Linux kernel.</summary>
internal static class ConfigurationKeys
{
    /// <summary>Keys whose value is an address, with the symbols that give it, the first that exists winning.</summary>
    public static IReadOnlyDictionary<string, string[]> Symbols { get; } = new Dictionary<string, string[]>(StringComparer.OrdinalIgnoreCase)
    {
        ["ProcessListHead"] = ["init_task"],
        // The entry code itself: there the number is still in the register that the calling program put it in.
        ["SyscallDispatcherAddress"] = ["entry_SYSCALL_64", "entry_INT80_32"],
    };

    /// <summary>Keys whose value is an offset in bytes, with the type and the member.</summary>
    public static IReadOnlyDictionary<string, (string Type, string Member)> Offsets { get; } = new Dictionary<string, (string, string)>(StringComparer.OrdinalIgnoreCase)
    {
        ["TasksOffset"] = ("task_struct", "tasks"),
        ["PIDOffset"] = ("task_struct", "pid"),
        ["ProcessNameOffset"] = ("task_struct", "comm"),
        ["MMStructOffset"] = ("task_struct", "mm"),
        ["ExeFileOffset"] = ("mm_struct", "exe_file"),
        ["PGDOffset"] = ("mm_struct", "pgd"),
        ["DEntryOffset"] = ("file", "f_path.dentry"),
        ["ParentOffset"] = ("dentry", "d_parent"),
        ["DNameOffset"] = ("dentry", "d_name.name"),
    };

    /// <summary>Keys that say how system calls are made; they are no part of a kernel's layout and are only kept.</summary>
    public static IReadOnlySet<string> Kept { get; } =
        new HashSet<string>(["SyscallNumberLocation", "SyscallInterruptNumber"], StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads a value: hexadecimal with 0x, or decimal.</summary>
    public static bool TryNumber(string text, out ulong value) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
