using VmiPl.Compilation.Records;
using VmiPl.Linux;

namespace VmiPl.Compilation.Lowering;

/// <summary>Where a process walk keeps what in the scratch buffer: offsets in bytes, all of them in reach of a load's 16-bit offset.</summary>
internal static class ScratchLayout
{
    /// <summary>Bytes that a copy of 8 at a time may spill before its target, and read before its source.</summary>
    private const int Slack = 8;

    /// <summary>Longest path in bytes; as <see cref="Errors.VmiLimits.MaxPathBytes"/> unless that is larger.</summary>
    public const int PathBytes = 16 * 1024;

    public const int Path = Slack, PathEnd = Path + PathBytes;

    /// <summary>The record's trailer, right behind the path.</summary>
    public const int Trailer = PathEnd;

    public const int Name = Trailer + ProcessSchema.TrailerSize + Slack;

    /// <summary>A piece of a dentry, or whatever pointer was read last.</summary>
    public const int Dentry = Name + PathLayout.MaxName;

    public const int DentryBytes = 2048;

    public const int Task = Dentry + DentryBytes;

    /// <summary>Bytes of a task that can be looked at in one piece; Linux 6.12 has what is needed within 1,200.</summary>
    public const int TaskBytes = 8192;

    public const int End = Task + TaskBytes;
}
