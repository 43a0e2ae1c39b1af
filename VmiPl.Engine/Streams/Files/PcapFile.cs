using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Streams.Network;

namespace VmiPl.Streams.Files;

/// <summary>A classic pcap file of Ethernet frames with times in microseconds, little-endian (draft-ietf-opsawg-pcap). It has no way to say that
/// frames are missing.</summary>
internal sealed class PcapFile : RecordFormat
{
    private const int MaxFrame = 256 * 1024;

    /// <summary>Throws <c>InvalidArgument</c> where records that are no frames would go to a pcap file.</summary>
    public static void RefuseRecords(string path, bool hasFrames)
    {
        if (hasFrames)
            throw new VmiException(
                VmiErrorCode.InvalidArgument, $"'{path}' takes the frames of CaptureNetwork as a pcap file, and other records cannot go there too. Give them a file of their own.", path);
        if (Path.GetExtension(path).Equals(".pcap", StringComparison.OrdinalIgnoreCase))
            throw new VmiException(
                VmiErrorCode.InvalidArgument, $"'{path}' would be a pcap file, which holds network frames only. Give these records a name that ends in .jsonl or .txt.", path);
    }

    /// <inheritdoc/>
    public override bool HasLosses => false;

    /// <summary>The end of the last whole frame: a writer that died may have left a part of one.</summary>
    public override long Resume(SafeFileHandle file, long length, string path)
    {
        if (length == 0)
            return 0;
        Span<byte> header = stackalloc byte[PcapReader.HeaderSize];
        Span<byte> ours = stackalloc byte[PcapReader.HeaderSize];
        WriteHeader(ours);
        // Version and snapshot length may differ; what counts is how the frames after it are to be read.
        if (Read(file, header, 0) < header.Length || !header[..4].SequenceEqual(ours[..4]) || !header[20..].SequenceEqual(ours[20..]))
            throw new VmiException(
                VmiErrorCode.FileFailure,
                $"The output file '{path}' is there already and is no pcap file of Ethernet frames (little-endian, microseconds) that others could be appended to. Give another name, or replace it.",
                path);
        long at = header.Length;
        Span<byte> record = stackalloc byte[PcapReader.RecordSize];
        while (Read(file, record, at) == record.Length)
        {
            long next = at + record.Length + BinaryPrimitives.ReadUInt32LittleEndian(record[8..]);
            if (next > length)
                break;
            at = next;
        }
        if (at < length)
            RandomAccess.SetLength(file, at);
        return at;
    }

    /// <inheritdoc/>
    public override void Begin(SafeFileHandle file, long length, IBufferWriter<byte> to)
    {
        if (length > 0)
            return;
        WriteHeader(to.GetSpan(PcapReader.HeaderSize));
        to.Advance(PcapReader.HeaderSize);
    }

    /// <inheritdoc/>
    public override void Format(VmiRecord record, IBufferWriter<byte> to)
    {
        if (record is not FrameRecord frame)
            return;   // a notice of the capture: it is told in #default too
        Span<byte> head = to.GetSpan(PcapReader.RecordSize);
        long ticks = frame.Time.Ticks - DateTime.UnixEpoch.Ticks;
        BinaryPrimitives.WriteUInt32LittleEndian(head, (uint)(ticks / TimeSpan.TicksPerSecond));
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], (uint)(ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond));
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], (uint)frame.Frame.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[12..], (uint)Math.Max(frame.Length, frame.Frame.Length));
        to.Advance(PcapReader.RecordSize);
        to.Write(frame.Frame);
    }

    private static int Read(SafeFileHandle file, Span<byte> to, long offset)
    {
        int filled = 0, got;
        while (filled < to.Length && (got = RandomAccess.Read(file, to[filled..], offset + filled)) > 0)
            filled += got;
        return filled;
    }

    private static void WriteHeader(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, PcapReader.MicrosecondMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], 2);    // version 2.4
        BinaryPrimitives.WriteUInt16LittleEndian(to[6..], 4);
        to[8..16].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(to[16..], MaxFrame);
        BinaryPrimitives.WriteUInt32LittleEndian(to[20..], PcapReader.Ethernet);
    }
}
