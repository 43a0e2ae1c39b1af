using VmiPl.Memory;

namespace VmiPl.Linux;

/// <summary>The work lists of a task walk, kept from one walk to the next so that a warm walk allocates what it hands out and
/// little more. Used by one walk at a time.</summary>
internal sealed class TaskWalkBuffers
{
    private byte[] _bytes = [];

    public List<GuestVirtualAddress> Addresses { get; } = [];
    public List<(ulong Node, ulong First)> Nodes { get; } = [];
    public List<(ulong Node, ulong First)> NextNodes { get; } = [];
    public List<(ulong Pid, int Id)> Pids { get; } = [];
    public List<PidEntry> PidEntries { get; } = [];
    public List<RawTask> Tasks { get; } = [];
    public Dictionary<ulong, int> TaskIndex { get; } = [];
    public Dictionary<int, int> EntryOfPid { get; } = [];
    public PathWalkBuffers Paths { get; } = new();

    /// <summary>A buffer of that many bytes; its content is undefined, and the next call may hand out the same one.</summary>
    public Span<byte> Bytes(int length)
    {
        if (_bytes.Length < length)
            _bytes = GC.AllocateUninitializedArray<byte>(Math.Max(length, 4096));
        return _bytes.AsSpan(0, length);
    }

    /// <summary>Drops what the last walk left; lists that a hostile guest blew up are given back.</summary>
    public void Clear()
    {
        const int Keep = 64 * 1024;
        Addresses.Clear();
        Nodes.Clear();
        NextNodes.Clear();
        Pids.Clear();
        PidEntries.Clear();
        Tasks.Clear();
        TaskIndex.Clear();
        EntryOfPid.Clear();
        Paths.Clear();
        if (Tasks.Capacity > Keep || PidEntries.Capacity > Keep)
        {
            Addresses.Capacity = Pids.Capacity = PidEntries.Capacity = Tasks.Capacity = 0;
            Nodes.Capacity = NextNodes.Capacity = 0;
            TaskIndex.TrimExcess();
            EntryOfPid.TrimExcess();
        }
    }
}
