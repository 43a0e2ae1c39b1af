using System.Collections.Frozen;
using VmiPl.Language.Model;

namespace VmiPl.Language.Tables;

/// <summary>What <c>ProcessList</c> tells of a process, by the names that scripts use in any case.</summary>
public static class ProcessFieldTable
{
    /// <summary>The fields with what each is.</summary>
    public static IReadOnlyDictionary<string, (ProcessField Field, string Description)> ByName { get; } =
        new Dictionary<string, (ProcessField, string)>
        {
            ["PID"] = (ProcessField.Pid, "the thread-group id, as seen from the guest's first pid namespace"),
            ["NAME"] = (ProcessField.Name, "the kernel's short name of the process, at most 15 bytes"),
            ["PATH"] = (ProcessField.Path, "the absolute path of the executable"),
            ["PGDP"] = (ProcessField.PageDirectory, "the guest-physical address of the top page table, comparable with CR3"),
        }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>The names in the order in which they are explained.</summary>
    public static IReadOnlyList<string> Names { get; } = ["PID", "NAME", "PATH", "PGDP"];
}
