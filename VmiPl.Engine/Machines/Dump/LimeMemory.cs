using System.Buffers.Binary;
using VmiPl.Errors;

namespace VmiPl.Machines.Dump;

/// <summary>A dump of the LiME kernel module, format <c>lime</c>: runs of memory, each behind a header of 32 bytes
/// (LiME doc/README, "lime_range_header": magic, version, first and last address, 8 reserved bytes; little-endian).</summary>
public sealed class LimeMemory : DumpMemory
{
    internal const uint Magic = 0x4C69_4D45;   // "EMiL" in the file
    private const int HeaderBytes = 32;

    private LimeMemory(DumpInput file, List<DumpSegment> segments)
        : base(file, segments)
    {
    }

    /// <summary>Throws <c>DumpInvalid</c> for a header that can't be, <c>NotSupported</c> for another version. A last run
    /// that is cut short is taken as far as it goes.</summary>
    internal static LimeMemory Read(DumpInput file, VmiLimits limits)
    {
        var segments = new List<DumpSegment>();
        Span<byte> header = stackalloc byte[HeaderBytes];
        long at = 0;
        while (at < file.Length)
        {
            if (segments.Count >= limits.MaxDumpSegments)
                throw new VmiException(VmiErrorCode.LimitExceeded, $"Dump file '{file.Path}' has more than {limits.MaxDumpSegments} memory ranges.", file.Path);
            file.ReadHeader(at, header, $"the LiME header at byte {at}");
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic)
                throw file.Invalid($"there is no LiME header at byte {at}");
            uint version = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            if (version != 1)
                throw new VmiException(VmiErrorCode.NotSupported, $"Dump file '{file.Path}' is of LiME version {version}; version 1 can be read.", file.Path);
            ulong first = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            ulong last = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
            if (last < first || last - first == ulong.MaxValue)
                throw file.Invalid($"the LiME header at byte {at} has a range that ends before it begins");
            at += HeaderBytes;
            ulong length = last - first + 1;
            ulong there = file.Clip((ulong)at, length);
            segments.Add(new DumpSegment(first, at, there));
            if (there < length)
                break;
            at += (long)there;
        }
        return new LimeMemory(file, segments);
    }
}
