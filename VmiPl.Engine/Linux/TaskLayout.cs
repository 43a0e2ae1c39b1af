using VmiPl.Errors;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>The offsets in bytes that a task walk needs, resolved once from a profile. An optional one that this kernel or
/// profile does not have is <see cref="Missing"/>, and what depends on it is left out of the result.</summary>
internal sealed record TaskLayout
{
    /// <summary>No such member.</summary>
    public const int Missing = -1;

    public required ulong InitTask { get; init; }
    public required int Tasks { get; init; }
    public required int Pid { get; init; }
    public required int Tgid { get; init; }
    public required int Comm { get; init; }
    public required int Mm { get; init; }
    public required int Flags { get; init; }
    public required int RealParent { get; init; }
    public required int Cred { get; init; }
    public required int CredUid { get; init; }
    public required int Pgd { get; init; }
    public required int Signal { get; init; }
    public required int NrThreads { get; init; }
    public required int ThreadHead { get; init; }
    public required int ThreadNode { get; init; }
    public required int StartTime { get; init; }
    public required int ExeFile { get; init; }

    /// <summary>First and last byte (exclusive) of <c>task_struct</c> that the members above lie in.</summary>
    public required int First { get; init; }
    public required int End { get; init; }

    public static TaskLayout From(KernelProfile profile)
    {
        var missing = new List<string>();
        int Need(string type, params string[] names)
        {
            int offset = Find(profile, type, names);
            if (offset == Missing)
                missing.Add($"{type}.{names[0]}");
            return offset;
        }
        if (!profile.TryGetSymbol("init_task", out Memory.GuestVirtualAddress initTask))
            missing.Add("init_task");

        int tasks = Need("task_struct", "tasks"), pid = Need("task_struct", "pid"), tgid = Find(profile, "task_struct", "tgid");
        int comm = Need("task_struct", "comm"), mm = Need("task_struct", "mm");
        // Since 5.5 start_boottime; real_start_time before; very old kernels have the monotonic one only.
        int startTime = Find(profile, "task_struct", "start_boottime", "real_start_time", "start_time");
        int flags = Find(profile, "task_struct", "flags"), parent = Find(profile, "task_struct", "real_parent");
        int cred = Find(profile, "task_struct", "real_cred", "cred"), signal = Find(profile, "task_struct", "signal");
        int threadNode = Find(profile, "task_struct", "thread_node");
        int pgd = Need("mm_struct", "pgd");
        if (missing.Count > 0)
        {
            throw new VmiException(VmiErrorCode.ProfileIncomplete,
                $"The guest's kernel {profile.Release} does not tell where to find {string.Join(", ", missing)}; give them in a Configuration.", profile.Release);
        }

        int pointer = profile.PointerSize;
        ReadOnlySpan<(int Offset, int Size)> members =
        [
            (tasks, 2 * pointer), (pid, 4), (tgid, 4), (comm, CommLength), (mm, pointer), (flags, 4), (parent, pointer),
            (cred, pointer), (signal, pointer), (threadNode, 2 * pointer), (startTime, 8),
        ];
        (int first, int end) = Window(members);
        return new TaskLayout
        {
            InitTask = initTask.Value,
            Tasks = tasks,
            Pid = pid,
            Tgid = tgid,
            Comm = comm,
            Mm = mm,
            Flags = flags,
            RealParent = parent,
            Cred = cred,
            CredUid = Find(profile, "cred", "uid"),
            Pgd = pgd,
            Signal = signal,
            NrThreads = Find(profile, "signal_struct", "nr_threads"),
            ThreadHead = Find(profile, "signal_struct", "thread_head"),
            ThreadNode = threadNode,
            StartTime = startTime,
            ExeFile = Find(profile, "mm_struct", "exe_file"),
            First = first,
            End = end,
        };
    }

    /// <summary>TASK_COMM_LEN of include/linux/sched.h, the NUL included.</summary>
    public const int CommLength = 16;

    /// <summary>PF_KTHREAD of include/linux/sched.h.</summary>
    public const uint KernelThreadFlag = 0x0020_0000;

    /// <summary>First and last byte (exclusive) that members lie in, those that are missing left out.</summary>
    public static (int First, int End) Window(ReadOnlySpan<(int Offset, int Size)> members)
    {
        int first = int.MaxValue, end = 0;
        foreach ((int offset, int size) in members)
        {
            if (offset == Missing)
                continue;
            first = Math.Min(first, offset);
            end = Math.Max(end, offset + size);
        }
        return (first, end);
    }

    internal static int Find(KernelProfile profile, string type, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            // A guest's types are untrusted: an offset beyond any real structure is as good as none.
            if (profile.TryGetOffset(type, name, out int offset) && offset is >= 0 and < 1 << 16)
                return offset;
        }
        return Missing;
    }
}
