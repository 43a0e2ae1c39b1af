namespace VmiPl.Tests.Synthetic;

/// <summary>Bits of a page-table entry that a test may set (Intel SDM volume 3A, tables 4-5 to 4-20).</summary>
[Flags]
internal enum PageRights : ulong
{
    None = 0,
    Writable = 2,
    User = 4,
    NoExecute = 1UL << 63,
}
