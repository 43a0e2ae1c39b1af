using System.Runtime.InteropServices;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>One entry of the pid table: the id in the first namespace, the task that bears it (0 where none does any more, as
/// for a process group whose leader is gone), and the id in the task's own namespace.</summary>
internal readonly record struct PidEntry(int Id, ulong Task, int NamespaceId);

/// <summary>The kernel's pid table: <c>init_pid_ns.idr</c>, an xarray from id to <c>struct pid</c> (kernel/pid.c, lib/xarray.c),
/// the second view of which tasks exist. Reads level by level, each with one batch.</summary>
internal sealed class PidTable
{
    // MAX_PID_NS_LEVEL of include/linux/pid_namespace.h.
    private const int MaxNamespaceLevel = 32;
    // XA_CHUNK_SHIFT is 6, or 4 on tiny configurations, whose nodes are cut short by their own size.
    private const int MaxSlots = 64;

    private readonly ulong _head;
    private readonly int _shift, _slots, _slotCount, _level, _numbers, _upidSize, _upidNumber, _pidTasks, _pidLinks;
    private readonly int _pointer;

    private PidTable(KernelProfile profile, ulong namespaceAddress, Span<int> offsets, int upidSize, int slotCount)
    {
        _pointer = profile.PointerSize;
        _head = namespaceAddress + (ulong)offsets[0];
        _shift = offsets[1];
        _slots = offsets[2];
        _level = offsets[3];
        _numbers = offsets[4];
        _upidNumber = offsets[5];
        _pidTasks = offsets[6];
        _pidLinks = offsets[7];
        _upidSize = upidSize;
        _slotCount = slotCount;
    }

    /// <summary>The table of a profile, or null where this kernel's cannot be found.</summary>
    public static PidTable? From(KernelProfile profile)
    {
        if (!profile.TryGetSymbol("init_pid_ns", out GuestVirtualAddress space))
            return null;
        Span<int> offsets =
        [
            TaskLayout.Find(profile, "pid_namespace", "idr.idr_rt.xa_head"),
            TaskLayout.Find(profile, "xa_node", "shift"),
            TaskLayout.Find(profile, "xa_node", "slots"),
            TaskLayout.Find(profile, "pid", "level"),
            TaskLayout.Find(profile, "pid", "numbers"),
            TaskLayout.Find(profile, "upid", "nr"),
            TaskLayout.Find(profile, "pid", "tasks"),
            TaskLayout.Find(profile, "task_struct", "pid_links"),
        ];
        if (offsets.Contains(TaskLayout.Missing))
            return null;
        int upidSize = profile.TryGetSize("upid", out int size) && size is > 0 and <= 64 ? size : 2 * profile.PointerSize;
        int slots = MaxSlots;
        if (profile.Types is not null && profile.Types.TryGetMemberSize("xa_node", "slots", out int bytes))
            slots = Math.Clamp(bytes / profile.PointerSize, 1, MaxSlots);
        return new PidTable(profile, space.Value, offsets, upidSize, slots);
    }

    /// <summary>Fills <paramref name="entries"/>. Returns null, or what was wrong where the table could not be read to its end.</summary>
    public string? Read(AddressSpace kernel, TaskWalkBuffers buffers, List<PidEntry> entries, int maxEntries, CancellationToken cancel)
    {
        entries.Clear();
        if (!kernel.TryReadPointer(new GuestVirtualAddress(_head), out GuestVirtualAddress head))
            return "the pid table's head cannot be read";

        List<(ulong Node, ulong First)> level = buffers.Nodes, next = buffers.NextNodes;
        List<(ulong Pid, int Id)> pids = buffers.Pids;
        level.Clear();
        pids.Clear();
        string? problem = null;
        if (IsNode(head.Value))
            level.Add((head.Value & ~3UL, 0));
        Span<byte> node = stackalloc byte[1024];
        int parentShift = 64;
        while (level.Count > 0)
        {
            cancel.ThrowIfCancellationRequested();
            buffers.Addresses.Clear();
            foreach ((ulong address, _) in level)
                buffers.Addresses.Add(new GuestVirtualAddress(address));
            int size = _slots + _slotCount * _pointer;
            kernel.Prefetch(CollectionsMarshal.AsSpan(buffers.Addresses), size);
            next.Clear();
            int shiftHere = 0;
            foreach ((ulong address, ulong first) in level)
            {
                Span<byte> bytes = node[..Math.Min(size, node.Length)];
                int got = kernel.Read(new GuestVirtualAddress(address), bytes);
                var members = new StructReader(bytes[..got], 0, _pointer);
                int shift = got > _shift ? bytes[_shift] : 255;
                // Shifts fall from level to level: a table that refers to itself ends here.
                if (shift >= parentShift || shift > 32)
                {
                    problem = "the pid table is damaged";
                    continue;
                }
                shiftHere = Math.Max(shiftHere, shift);
                for (int i = 0; i < _slotCount; i++)
                {
                    ulong entry = members.Pointer(_slots + i * _pointer);
                    if (entry == 0)
                        continue;
                    ulong index = first + ((ulong)i << shift);
                    if (shift > 0 && IsNode(entry))
                        next.Add((entry & ~3UL, index));
                    else if (shift == 0 && (entry & 3) == 0 && index is > 0 and <= int.MaxValue)
                        pids.Add((entry, (int)index));
                }
                if (pids.Count > maxEntries || next.Count > maxEntries)
                    return $"the pid table holds more than {maxEntries} entries";
            }
            parentShift = shiftHere;
            (level, next) = (next, level);
        }
        ReadPids(kernel, buffers, pids, entries);
        return problem;
    }

    private void ReadPids(AddressSpace kernel, TaskWalkBuffers buffers, List<(ulong Pid, int Id)> pids, List<PidEntry> entries)
    {
        int first = Math.Min(_level, Math.Min(_numbers, _pidTasks));
        int end = Math.Max(_numbers + _upidSize, Math.Max(_pidTasks + _pointer, _level + 4));
        buffers.Addresses.Clear();
        foreach ((ulong pid, _) in pids)
            buffers.Addresses.Add(new GuestVirtualAddress(pid + (ulong)first));
        kernel.Prefetch(CollectionsMarshal.AsSpan(buffers.Addresses), end - first);
        Span<byte> scratch = buffers.Bytes(end - first);
        foreach ((ulong pid, int id) in pids)
        {
            if (!kernel.TryView(new GuestVirtualAddress(pid + (ulong)first), scratch, out ReadOnlySpan<byte> bytes))
                continue;
            var members = new StructReader(bytes, first, _pointer);
            // An entry that does not bear its own number is being freed, or no struct pid at all.
            if (members.Int32(_numbers + _upidNumber) != id)
                continue;
            int level = members.Int32(_level);
            ulong link = members.Pointer(_pidTasks);
            int own = id;
            if (level is > 0 and <= MaxNamespaceLevel
                && kernel.TryReadUInt32(new GuestVirtualAddress(pid + (ulong)(_numbers + level * _upidSize + _upidNumber)), out uint number))
                own = (int)number;
            entries.Add(new PidEntry(id, link == 0 ? 0 : link - (ulong)_pidLinks, own));
        }
    }

    /// <summary>An internal entry of an xarray has 10 in its low bits, one of the radix tree before it (up to 4.19) 01; small ones
    /// mean something else (include/linux/xarray.h). The entries that are wanted are aligned pointers.</summary>
    private static bool IsNode(ulong entry) => (entry & 3) is 1 or 2 && entry > 4096;
}
