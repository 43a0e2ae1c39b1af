namespace VmiPl.Symbols.Inference;

/// <summary>What a task's name looks like (<c>TASK_COMM_LEN</c>: 16 bytes with the NUL, since ever).</summary>
internal static class TaskName
{
    /// <summary>Bytes of the field.</summary>
    public const int Length = 16;

    private const int MaxTaskBytes = 16 * 1024;

    /// <summary>Whether the field holds printable text with its NUL.</summary>
    public static bool IsPlausible(KernelReader reader, ulong address)
    {
        Span<byte> field = stackalloc byte[Length];
        if (reader.Read(address, field) != Length)
            return false;
        int nul = field.IndexOf((byte)0);
        return nul > 0 && !field[..nul].ContainsAnyExceptInRange((byte)0x20, (byte)0x7E);
    }

    /// <summary>Whether the bytes begin with the name of the first processor's idle task: <c>swapper/0</c>, or <c>swapper</c>
    /// on a kernel built for one processor, and NULs to the field's end.</summary>
    public static bool IsIdleTask(ReadOnlySpan<byte> field)
    {
        if (field.Length < Length || !field.StartsWith("swapper"u8))
            return false;
        ReadOnlySpan<byte> rest = field[7..Length];
        if (rest.StartsWith("/0"u8))
            rest = rest[2..];
        return !rest.ContainsAnyExcept((byte)0);
    }

    /// <summary>The places of an idle task's name in the task that begins at an address.</summary>
    public static IEnumerable<ulong> FindIdleTask(KernelReader reader, ulong task)
    {
        byte[] body = new byte[MaxTaskBytes];
        int got = reader.Read(task, body);
        for (int at = 0; at + Length <= got; at += 4)
        {
            if (IsIdleTask(body.AsSpan(at, Length)))
                yield return task + (ulong)at;
        }
    }
}
