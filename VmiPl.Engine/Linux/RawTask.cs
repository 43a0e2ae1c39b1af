namespace VmiPl.Linux;

/// <summary>A <c>task_struct</c>'s members as read, before anything that they point at was looked up.</summary>
internal struct RawTask
{
    public ulong Address, Next, Previous, Mm, Parent, Cred, Signal, ThreadNext, StartTime;
    public int Pid, Tgid;
    public uint Flags;
    public ulong NameLow, NameHigh;   // comm: 16 bytes, kept as they are
    public bool Readable, InList;

    // Looked up afterwards.
    public ulong Pgd, ExeFile;
    public uint UserId;
    public int ThreadCount;
    public bool UserIdRead;
}
