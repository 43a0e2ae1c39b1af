using System.Buffers.Binary;

namespace VmiPl.Symbols.Inference;

/// <summary><c>task_struct.real_cred</c>, <c>cred</c> and <c>cred.uid</c>.
/// <para>The two credentials stand before the name, with at most a cached key between (5.3 on). In <c>struct cred</c> the ids
/// stand before the capability sets; those of the idle task are known: inheritable none, permitted, effective and bounding all.</para></summary>
internal static class CredentialInference
{
    // uid, gid, suid, sgid, euid, egid, fsuid, fsgid, securebits: then cap_inheritable.
    private const int IdBytes = 8 * sizeof(int), SecureBits = sizeof(int), CapSet = 8;
    private const uint CredMagic = 0x43736564; // CONFIG_DEBUG_CREDENTIALS

    public static void Infer(KernelReader reader, TaskSamples tasks, LayoutBuilder layout)
    {
        int size = reader.PointerSize;
        foreach (int gap in (int[])[0, size])
        {
            int cred = tasks.CommOffset - gap - size, real = cred - size;
            if (!tasks.Nearly(i => tasks.Pointer(i, cred) == tasks.Pointer(i, real)) || !reader.IsPointer(tasks.Pointer(0, cred)))
                continue;
            if (!tasks.Nearly(i => reader.IsPointer(tasks.Pointer(i, cred))))
                continue;
            layout.Offset("task_struct.real_cred", real);
            layout.Offset("task_struct.cred", cred);
            if (FindUid(reader, tasks, cred) is { } uid)
                layout.Offset("cred.uid", uid);
            return;
        }
    }

    private static int? FindUid(KernelReader reader, TaskSamples tasks, int cred)
    {
        byte[] first = new byte[192];
        if (reader.Read(tasks.Pointer(0, cred), first) != first.Length || FindPermitted(first) is not { } permitted)
            return null;
        int ids = permitted - CapSet - SecureBits - IdBytes;
        if (ids < 4 || first.AsSpan(ids, IdBytes).ContainsAnyExcept((byte)0))
            return null;
        // A debugging kernel has a magic number before them; behind them stands a gap where the sets are aligned to 8.
        if (UInt32(first, ids - 4) == CredMagic)
            return ids;
        if (ids >= 8 && UInt32(first, ids - 8) == CredMagic)
            return ids - 4;
        // Else there is only the usage count, an int or (from 6.6 on) a long, and such a gap.
        if (ids == 4)
            return ids;
        bool isAfterLong = reader.PointerSize == 8 && ids is (8 or 12) && UInt32(first, 4) == 0;
        return isAfterLong ? 8 : null;
    }

    private static int? FindPermitted(ReadOnlySpan<byte> cred)
    {
        for (int at = CapSet; at + 3 * CapSet <= cred.Length; at += 4)
        {
            ulong set = UInt64(cred, at);
            bool isFull = set >= uint.MaxValue && (set & (set + 1)) == 0;
            if (isFull && UInt64(cred, at + CapSet) == set && UInt64(cred, at + 2 * CapSet) == set && UInt64(cred, at - CapSet) == 0)
                return at;
        }
        return null;
    }

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong UInt64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
}
