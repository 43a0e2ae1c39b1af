using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Processes;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Finds guest RAM among a QEMU process's mappings when no monitor can be asked: what has the size (and the file) that
/// the command line gives it.</summary>
internal static class RamBlocks
{
    /// <summary>Host address and length of each block in the order of its guest addresses; empty where a block was not found.</summary>
    public static IReadOnlyList<(ulong Host, ulong Length)> Find(IReadOnlyList<ProcessMapping> mappings, IReadOnlyList<RamBackend> backends)
    {
        List<ProcessMapping> runs = [.. ProcessMapping.Join(mappings).Where(m => m.IsReadWrite && !m.Path.StartsWith('['))];
        var found = new List<(ulong, ulong)>();
        foreach (RamBackend backend in backends)
        {
            ProcessMapping? run = Exact(runs, backend) ?? Inside(runs, mappings, backend);
            if (run is null)
                return backends.Count == 1 ? Largest(runs, backend.Size) : [];
            runs.RemoveAll(r => r.Start == run.Start || (r.Start <= run.Start && r.End >= run.End));
            found.Add((run.Start, backend.Size));
        }
        return found;
    }

    /// <summary>A run of exactly the block's size. Blocks of one size are told apart by their file's name, then by their age:
    /// QEMU makes them in the order of the command line, files get growing inodes, anonymous memory falling addresses.</summary>
    private static ProcessMapping? Exact(List<ProcessMapping> runs, RamBackend backend) => runs
        .Where(r => r.Length == backend.Size)
        .OrderByDescending(r => backend.Path is { Length: > 0 } path && r.Path.StartsWith(path, StringComparison.Ordinal))
        .ThenBy(r => r.Inode).ThenByDescending(r => r.Start)
        .FirstOrDefault();

    /// <summary>A block that the kernel has joined with anonymous memory beside it. QEMU puts RAM on a 2 MiB boundary and an
    /// unreadable guard page behind it (util/mmap-alloc.c).</summary>
    private static ProcessMapping? Inside(List<ProcessMapping> runs, IReadOnlyList<ProcessMapping> mappings, RamBackend backend)
    {
        const ulong Alignment = 2UL << 20;
        foreach (ProcessMapping run in runs.Where(r => r.Length > backend.Size && r.Inode == 0).OrderBy(r => r.Length))
        {
            bool guarded = mappings.Any(m => m.Start == run.End && m.Permissions.StartsWith("---", StringComparison.Ordinal));
            if (guarded && (run.End - backend.Size) % Alignment == 0)
                return run with { Start = run.End - backend.Size };
            if (run.Start % Alignment == 0)
                return run with { End = run.Start + backend.Size };
        }
        return null;
    }

    /// <summary>The command line gave no size that fits: the largest run, if it is large enough to be a guest's.</summary>
    private static (ulong, ulong)[] Largest(List<ProcessMapping> runs, ulong expected)
    {
        ProcessMapping? largest = runs.MaxBy(r => r.Length);
        return largest is not null && largest.Length >= expected / 2 ? [(largest.Start, Math.Min(largest.Length, Math.Max(expected, 1)))] : [];
    }
}
