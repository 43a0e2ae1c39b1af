namespace VmiPl.Machines.Dump;

/// <summary>A flat file: byte n of the file is guest-physical address n. That is what QMP <c>pmemsave</c> from 0, LiME's
/// <c>raw</c> and <c>padded</c> formats and most other tools write.
/// <para>The hole that a PC has below 4 GiB must stand in the file (as zeros or a sparse run): a guest with more than about
/// 3 GiB has the rest of its RAM behind 4 GiB. The file of a <c>memory-backend-file</c> of such a guest has no hole and is
/// not linear; dump that guest with <c>dump-guest-memory</c> or <c>Save-VmiMemory</c>, or read it while it runs.</para></summary>
public sealed class RawMemory : DumpMemory
{
    private RawMemory(DumpInput file)
        : base(file, [new DumpSegment(0, 0, (ulong)file.Length)])
    {
    }

    internal static RawMemory Read(DumpInput file) => new(file);
}
