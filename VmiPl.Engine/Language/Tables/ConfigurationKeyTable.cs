using System.Collections.Immutable;
using VmiPl.Symbols;

namespace VmiPl.Language.Tables;

/// <summary>The keys of a Configuration, by name in any case. All may be left out: the guest itself then tells.</summary>
public static class ConfigurationKeyTable
{
    /// <summary>All of them, in the order in which they are explained.</summary>
    public static ImmutableArray<ConfigurationKeyDefinition> All { get; } =
    [
        new("ProcessListHead", ConfigurationValueForm.Address, "the first task_struct of the task list (init_task)"),
        Offset("TasksOffset"), Offset("PIDOffset"), Offset("ProcessNameOffset"), Offset("MMStructOffset"), Offset("ExeFileOffset"),
        Offset("PGDOffset"), Offset("DEntryOffset"), Offset("ParentOffset"), Offset("DNameOffset"),
        new("SyscallDispatcherAddress", ConfigurationValueForm.Address, "where the kernel dispatches a system call"),
        new("SyscallNumberLocation", ConfigurationValueForm.Register, "the register that holds a system call's number"),
        new("SyscallInterruptNumber", ConfigurationValueForm.Vector, "the interrupt that makes a system call, 128 for int 0x80"),
    ];

    /// <summary>The key of a name, or null.</summary>
    public static ConfigurationKeyDefinition? Find(string name) =>
        All.FirstOrDefault(key => key.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static ConfigurationKeyDefinition Offset(string name)
    {
        (string type, string member) = ConfigurationKeys.Offsets[name];
        return new ConfigurationKeyDefinition(name, ConfigurationValueForm.Offset, $"bytes from the beginning of a {type} to its {member}");
    }
}
