namespace VmiPl.Machines.Dump;

/// <summary>A run of guest-physical memory that lies in one piece in a dump file. All in bytes; <paramref name="Length"/>
/// bytes from both positions on exist without overflow.</summary>
internal readonly record struct DumpSegment(ulong Physical, long FileOffset, ulong Length)
{
    /// <summary>The last physical address.</summary>
    public ulong Last => Physical + (Length - 1);

    /// <summary>The part that lies behind the first <paramref name="count"/> bytes.</summary>
    public DumpSegment Skip(ulong count) => new(Physical + count, FileOffset + (long)count, Length - count);
}
