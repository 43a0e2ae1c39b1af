using System.Buffers.Binary;

namespace VmiPl.Symbols.Inference;

/// <summary>The bytes of many <c>task_struct</c>s, read once: what every inference about tasks is asked of. Sample 0 is
/// <c>init_task</c>; the others follow in the list's order.</summary>
internal sealed class TaskSamples
{
    private const int MaxSamples = 384;
    private const int Tail = 1024;
    private readonly KernelReader _reader;
    private readonly byte[][] _bodies;

    /// <summary>Reads the tasks of a list. <paramref name="commOffset"/> is the distance of the name from a task's start.</summary>
    public TaskSamples(KernelReader reader, TaskRing ring, int commOffset)
    {
        _reader = reader;
        CommOffset = commOffset;
        TasksOffset = (int)(commOffset - ring.CommFromLink);
        List<int> chosen = Choose(ring.Links.Count);
        Bases = new ulong[chosen.Count];
        _bodies = new byte[chosen.Count][];
        for (int i = 0; i < chosen.Count; i++)
        {
            Bases[i] = ring.Comm(chosen[i]) - (ulong)commOffset;
            byte[] body = new byte[commOffset + Tail];
            int got = reader.Read(Bases[i], body);
            _bodies[i] = got == body.Length ? body : body[..got];
        }
        Size = _bodies.Min(body => body.Length) & ~7;
    }

    /// <summary>Number of samples.</summary>
    public int Count => Bases.Length;

    /// <summary>Bytes that are here of every task.</summary>
    public int Size { get; }

    /// <summary>Addresses of the tasks.</summary>
    public ulong[] Bases { get; }

    /// <summary>Offset of <c>comm</c>.</summary>
    public int CommOffset { get; }

    /// <summary>Offset of <c>tasks</c>.</summary>
    public int TasksOffset { get; }

    /// <summary>The pointer at an offset of a task.</summary>
    public ulong Pointer(int task, int offset) => _reader.PointerAt(_bodies[task], offset);

    /// <summary>The 32 bits at an offset of a task.</summary>
    public uint UInt32(int task, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bodies[task].AsSpan(offset));

    /// <summary>The 64 bits at an offset of a task.</summary>
    public ulong UInt64(int task, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bodies[task].AsSpan(offset));

    /// <summary>Whether an address lies inside that task.</summary>
    public bool IsInside(int task, ulong address) => address - Bases[task] < (ulong)Size;

    /// <summary>Number of the samples after <c>init_task</c> of which something holds.</summary>
    public int CountOthers(Func<int, bool> holds)
    {
        int count = 0;
        for (int i = 1; i < Count; i++)
        {
            if (holds(i))
                count++;
        }
        return count;
    }

    /// <summary>Whether something holds of nearly every sample after <c>init_task</c>: tasks come and go while they are read.</summary>
    public bool Nearly(Func<int, bool> holds)
    {
        int allowed = (Count - 1) / 50, failed = 0;
        for (int i = 1; i < Count; i++)
        {
            if (!holds(i) && ++failed > allowed)
                return false;
        }
        return Count > 1;
    }

    /// <summary>The oldest tasks (kernel threads), the youngest (programs), and some from between.</summary>
    private static List<int> Choose(int count)
    {
        if (count <= MaxSamples)
            return [.. Enumerable.Range(0, count)];
        const int Third = MaxSamples / 3;
        long between = count - 2 * Third;
        return
        [
            .. Enumerable.Range(0, Third),
            .. Enumerable.Range(0, Third).Select(i => (int)(Third + i * between / Third)),
            .. Enumerable.Range(count - Third, Third),
        ];
    }
}
