using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>Walks the guest's tasks: the pid table first, because it names all tasks at once and so lets their structures be
/// read in batches; then the task list, link by link; then what the tasks point at, a batch per level. Bounded by
/// <see cref="VmiLimits"/>; belongs to one view and one thread at a time.</summary>
internal sealed class TaskWalk
{
    private readonly VmiLimits _limits;
    private readonly TaskLayout _layout;
    private readonly PidTable? _pidTable;
    private readonly PathReader? _paths;
    private readonly GuestClock? _clock;
    private readonly int _pointer;
    private readonly int _maxTasks;
    private readonly string _machine;

    public TaskWalk(LinuxGuest guest)
    {
        KernelProfile profile = guest.Profile;
        _limits = guest.Machine.Limits;
        _layout = TaskLayout.From(profile);
        _pidTable = PidTable.From(profile);
        _paths = PathReader.From(profile, _limits);
        _clock = GuestClock.From(profile);
        _pointer = profile.PointerSize;
        _machine = guest.Machine.Name;
        // Each task has a structure of its own: more of them than fit in the guest's memory are forged.
        ulong room = 0;
        foreach (PhysicalRange range in guest.Machine.GetMemory().Ranges)
            room += range.Length;
        _maxTasks = (int)Math.Min((ulong)_limits.MaxTasks, Math.Max(room / (ulong)(_layout.End - _layout.First), 16));
    }

    public ProcessList Run(GuestView view, ProcessQuery query, CancellationToken cancel)
    {
        AddressSpace kernel = view.Kernel;
        TaskWalkBuffers buffers = view.Buffers;
        buffers.Clear();
        long started = Stopwatch.GetTimestamp();
        var problems = new List<string>();

        bool pidTableRead = false;
        if (query.CheckPidTable && _pidTable is not null)
        {
            string? damage = _pidTable.Read(kernel, buffers, buffers.PidEntries, _maxTasks, cancel);
            pidTableRead = damage is null;
            if (damage is not null)
                problems.Add(damage);
            PrefetchTasks(kernel, buffers);
        }

        // The list first, so that it keeps the kernel's order; then whatever only the pid table knows.
        if (WalkTasks(kernel, buffers, started, cancel) is { } cut)
            problems.Add(cut);
        if (query.IncludeThreads && WalkThreads(kernel, buffers, started, cancel) is { } threadsCut)
            problems.Add(threadsCut);
        AddFromPidTable(kernel, buffers, query.IncludeThreads);
        LookUpReferences(kernel, buffers, cancel);
        return new ProcessList(Hand(kernel, buffers, pidTableRead, cancel), problems.Count == 0 ? null : string.Join("; ", problems));
    }

    private void PrefetchTasks(AddressSpace kernel, TaskWalkBuffers buffers)
    {
        buffers.Addresses.Clear();
        foreach (PidEntry entry in buffers.PidEntries)
        {
            if (entry.Task != 0)
                buffers.Addresses.Add(new GuestVirtualAddress(entry.Task + (ulong)_layout.First));
        }
        kernel.Prefetch(CollectionsMarshal.AsSpan(buffers.Addresses), _layout.End - _layout.First);
    }

    /// <summary>Follows the task list from the first task. Where the way forward breaks off, what can be reached backwards is
    /// taken too. Returns what was wrong, or null.</summary>
    private string? WalkTasks(AddressSpace kernel, TaskWalkBuffers buffers, long started, CancellationToken cancel)
    {
        ulong head = _layout.InitTask;
        int link = _layout.Tasks;
        if (!kernel.TryReadPointer(new GuestVirtualAddress(head + (ulong)link), out GuestVirtualAddress first))
            return "the task list's head cannot be read";
        string? cut = Follow(first.Value - (ulong)link, forward: true);
        if (cut is null)
            return null;
        if (kernel.TryReadPointer(new GuestVirtualAddress(head + (ulong)(link + _pointer)), out GuestVirtualAddress last))
            Follow(last.Value - (ulong)link, forward: false);
        return cut;

        string? Follow(ulong task, bool forward)
        {
            while (task != head)
            {
                if (buffers.Tasks.Count >= _maxTasks)
                    return $"the task list was cut after {buffers.Tasks.Count} tasks: more than this guest can hold";
                if ((buffers.Tasks.Count & 0xFF) == 0)
                {
                    cancel.ThrowIfCancellationRequested();
                    if (Stopwatch.GetElapsedTime(started) > _limits.MaxListTime)
                        return $"the task list was cut after {_limits.MaxListTime.TotalSeconds:0} s and {buffers.Tasks.Count} tasks";
                }
                ref int index = ref CollectionsMarshal.GetValueRefOrAddDefault(buffers.TaskIndex, task, out bool seen);
                if (seen)
                    return forward ? $"the task list runs in a circle at 0x{task:x}" : null;
                index = buffers.Tasks.Count;
                RawTask raw = ReadTask(kernel, buffers, task);
                raw.InList = true;
                buffers.Tasks.Add(raw);
                if (!raw.Readable)
                    return $"the task list leads to 0x{task:x}, which cannot be read";
                ulong next = forward ? raw.Next : raw.Previous;
                task = next - (ulong)link;
            }
            return null;
        }
    }

    /// <summary>Takes the threads of every group found: from its leader's <c>signal_struct</c> along <c>thread_node</c>.</summary>
    private string? WalkThreads(AddressSpace kernel, TaskWalkBuffers buffers, long started, CancellationToken cancel)
    {
        if (_layout.Signal == TaskLayout.Missing || _layout.ThreadHead == TaskLayout.Missing || _layout.ThreadNode == TaskLayout.Missing)
            return "this kernel's profile does not tell how threads are linked";
        int leaders = buffers.Tasks.Count;
        string? problem = null;
        for (int i = 0; i < leaders; i++)
        {
            cancel.ThrowIfCancellationRequested();
            RawTask leader = buffers.Tasks[i];
            if (!leader.Readable)
                continue;
            ulong head = leader.Signal + (ulong)_layout.ThreadHead;
            ulong node = leader.ThreadNext;
            // A released zombie's links lead nowhere; a list is over when it comes back to its head.
            while (node != head && node != 0)
            {
                if (buffers.Tasks.Count >= _maxTasks)
                    return $"the list of threads was cut after {buffers.Tasks.Count}: more than this guest can hold";
                if ((buffers.Tasks.Count & 0xFF) == 0 && Stopwatch.GetElapsedTime(started) > _limits.MaxListTime)
                    return $"the list of threads was cut after {_limits.MaxListTime.TotalSeconds:0} s";
                ulong task = node - (ulong)_layout.ThreadNode;
                ref int index = ref CollectionsMarshal.GetValueRefOrAddDefault(buffers.TaskIndex, task, out bool seen);
                if (seen)
                {
                    problem = $"the thread list of process {leader.Pid} does not come back to its head";
                    break;
                }
                index = buffers.Tasks.Count;
                RawTask raw = ReadTask(kernel, buffers, task);
                raw.InList = true;
                buffers.Tasks.Add(raw);
                if (!raw.Readable)
                {
                    problem = $"the thread list of process {leader.Pid} leads to 0x{task:x}, which cannot be read";
                    break;
                }
                node = raw.ThreadNext;
            }
        }
        return problem;
    }

    private void AddFromPidTable(AddressSpace kernel, TaskWalkBuffers buffers, bool threads)
    {
        for (int i = 0; i < buffers.PidEntries.Count; i++)
        {
            PidEntry entry = buffers.PidEntries[i];
            buffers.EntryOfPid[entry.Id] = i;
            if (entry.Task == 0 || buffers.TaskIndex.ContainsKey(entry.Task))
                continue;
            RawTask raw = ReadTask(kernel, buffers, entry.Task);
            if (!raw.Readable || raw.Pid != entry.Id || (!threads && raw.Pid != raw.Tgid))
                continue;
            buffers.TaskIndex[entry.Task] = buffers.Tasks.Count;
            buffers.Tasks.Add(raw);
        }
    }

    private RawTask ReadTask(AddressSpace kernel, TaskWalkBuffers buffers, ulong address)
    {
        var raw = new RawTask { Address = address };
        Span<byte> scratch = buffers.Bytes(_layout.End - _layout.First);
        if (!kernel.TryView(new GuestVirtualAddress(address + (ulong)_layout.First), scratch, out ReadOnlySpan<byte> bytes))
            return raw;
        var members = new StructReader(bytes, _layout.First, _pointer);
        raw.Readable = true;
        raw.Next = members.Pointer(_layout.Tasks);
        raw.Previous = members.Pointer(_layout.Tasks + _pointer);
        raw.Pid = members.Int32(_layout.Pid);
        raw.Tgid = _layout.Tgid == TaskLayout.Missing ? raw.Pid : members.Int32(_layout.Tgid);
        raw.Mm = members.Pointer(_layout.Mm);
        raw.Flags = members.UInt32(_layout.Flags);
        raw.Parent = members.Pointer(_layout.RealParent);
        raw.Cred = members.Pointer(_layout.Cred);
        raw.Signal = members.Pointer(_layout.Signal);
        raw.ThreadNext = members.Pointer(_layout.ThreadNode);
        raw.StartTime = members.UInt64(_layout.StartTime);
        raw.NameLow = members.UInt64(_layout.Comm);
        raw.NameHigh = members.UInt64(_layout.Comm + 8);
        return raw;
    }

    /// <summary>Reads what the tasks point at: credentials, memory descriptor, signal structure, executable.</summary>
    private void LookUpReferences(AddressSpace kernel, TaskWalkBuffers buffers, CancellationToken cancel)
    {
        Span<RawTask> tasks = CollectionsMarshal.AsSpan(buffers.Tasks);
        if (kernel.Memory is SnapshotMemory { KeepsCopies: true })
        {
            Prefetch(kernel, buffers, tasks, static task => task.Cred, _layout.CredUid, 4);
            Prefetch(kernel, buffers, tasks, static task => task.Signal, _layout.NrThreads, 4);
            Prefetch(kernel, buffers, tasks, static task => task.Mm, _layout.Pgd, _pointer);
            Prefetch(kernel, buffers, tasks, static task => task.Mm, _layout.ExeFile, _pointer);
        }
        cancel.ThrowIfCancellationRequested();
        foreach (ref RawTask task in tasks)
        {
            if (!task.Readable)
                continue;
            if (_layout.CredUid != TaskLayout.Missing && task.Cred != 0)
                task.UserIdRead = kernel.TryReadUInt32(new GuestVirtualAddress(task.Cred + (ulong)_layout.CredUid), out task.UserId);
            if (_layout.NrThreads != TaskLayout.Missing && task.Signal != 0
                && kernel.TryReadUInt32(new GuestVirtualAddress(task.Signal + (ulong)_layout.NrThreads), out uint threads))
                task.ThreadCount = (int)threads;
            if (task.Mm == 0)
                continue;
            if (kernel.TryReadPointer(new GuestVirtualAddress(task.Mm + (ulong)_layout.Pgd), out GuestVirtualAddress pgd))
                task.Pgd = pgd.Value;
            if (_layout.ExeFile != TaskLayout.Missing
                && kernel.TryReadPointer(new GuestVirtualAddress(task.Mm + (ulong)_layout.ExeFile), out GuestVirtualAddress file))
                task.ExeFile = file.Value;
        }
        if (_paths is null)
            return;
        buffers.Addresses.Clear();
        foreach (ref readonly RawTask task in tasks)
        {
            if (task.ExeFile != 0)
                buffers.Addresses.Add(new GuestVirtualAddress(task.ExeFile));
        }
        _paths.Prefetch(kernel, CollectionsMarshal.AsSpan(buffers.Addresses), buffers.Paths);
    }

    private static void Prefetch(AddressSpace kernel, TaskWalkBuffers buffers, Span<RawTask> tasks, Func<RawTask, ulong> pointer, int offset, int size)
    {
        if (offset == TaskLayout.Missing)
            return;
        buffers.Addresses.Clear();
        foreach (ref readonly RawTask task in tasks)
        {
            ulong address = pointer(task);
            if (address != 0)
                buffers.Addresses.Add(new GuestVirtualAddress(address + (ulong)offset));
        }
        kernel.Prefetch(CollectionsMarshal.AsSpan(buffers.Addresses), size);
    }

    private List<VmiProcess> Hand(AddressSpace kernel, TaskWalkBuffers buffers, bool pidTableRead, CancellationToken cancel)
    {
        DateTime? boot = _clock?.BootTime(kernel);
        var list = new List<VmiProcess>(buffers.Tasks.Count);
        foreach (ref readonly RawTask task in CollectionsMarshal.AsSpan(buffers.Tasks))
        {
            if ((list.Count & 0xFF) == 0)
                cancel.ThrowIfCancellationRequested();
            if (task.Readable)
                list.Add(Hand(kernel, buffers, task, pidTableRead, boot));
        }
        return list;
    }

    private VmiProcess Hand(AddressSpace kernel, TaskWalkBuffers buffers, in RawTask task, bool pidTableRead, DateTime? boot)
    {
        bool inPidTable = buffers.EntryOfPid.TryGetValue(task.Pid, out int entry) && buffers.PidEntries[entry].Task == task.Address;
        string? problem = null;
        bool isKernelThread = _layout.Flags == TaskLayout.Missing ? task.Mm == 0 : (task.Flags & TaskLayout.KernelThreadFlag) != 0;

        // Kernel threads may borrow a process's memory (kthread_use_mm): it is not theirs.
        ulong? pageDirectory = null;
        string? path = null;
        if (!isKernelThread && task.Mm != 0)
        {
            if (kernel.TryTranslate(new GuestVirtualAddress(task.Pgd), out Translation pgd))
                pageDirectory = pgd.Physical.Value;
            else
                problem = Join(problem, "the page directory cannot be translated");
            if (task.ExeFile != 0 && _paths is not null)
            {
                path = _paths.Read(kernel, task.ExeFile, buffers.Paths);
                if (path is null)
                    problem = Join(problem, "the path cannot be read to its root");
            }
        }
        if (!task.UserIdRead)
            problem = Join(problem, "the credentials cannot be read");

        TaskVisibility visibility = !pidTableRead ? TaskVisibility.NotChecked
            : !task.InList ? TaskVisibility.PidTableOnly
            : inPidTable ? TaskVisibility.Normal
            : TaskVisibility.ListOnly;
        // 100 ns ticks; a forged start time must not overflow a date.
        var sinceBoot = TimeSpan.FromTicks((long)Math.Min(task.StartTime / 100, (ulong)TimeSpan.FromDays(36_500).Ticks));
        return new VmiProcess
        {
            Machine = _machine,
            ProcessId = task.Tgid,
            ThreadId = task.Pid,
            ParentProcessId = ParentOf(kernel, buffers, task),
            Name = NameOf(task),
            Path = path,
            UserId = task.UserId,
            PageDirectory = pageDirectory,
            StartTime = boot + sinceBoot,
            StartTimeSinceBoot = sinceBoot,
            ThreadCount = task.ThreadCount,
            IsKernelThread = isKernelThread,
            NamespaceProcessId = inPidTable ? buffers.PidEntries[entry].NamespaceId : task.Pid,
            TaskAddress = task.Address,
            Visibility = visibility,
            Problem = problem,
        };
    }

    private int ParentOf(AddressSpace kernel, TaskWalkBuffers buffers, in RawTask task)
    {
        if (task.Parent == 0 || task.Parent == _layout.InitTask)
            return 0;
        if (buffers.TaskIndex.TryGetValue(task.Parent, out int index))
            return buffers.Tasks[index].Tgid;
        // The parent may be a thread that a list of leaders does not hold.
        int offset = _layout.Tgid == TaskLayout.Missing ? _layout.Pid : _layout.Tgid;
        return kernel.TryReadUInt32(new GuestVirtualAddress(task.Parent + (ulong)offset), out uint tgid) ? (int)tgid : 0;
    }

    private static string NameOf(in RawTask task)
    {
        Span<ulong> words = [task.NameLow, task.NameHigh];
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(words);
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes[..(TaskLayout.CommLength - 1)] : bytes[..end]);
    }

    private static string Join(string? problem, string more) => problem is null ? more : $"{problem}; {more}";
}
