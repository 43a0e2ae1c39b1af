using VmiPl.Streams.Packets;

namespace VmiPl.Streams;

/// <summary>An Ethernet frame that the guest sent or was sent. <see cref="VmiRecord.Error"/> says where only its start was captured.</summary>
public sealed record FrameRecord : VmiRecord
{
    /// <summary>The frame from its destination address on, without preamble and checksum; the record's own copy.</summary>
    public byte[] Frame { get; init; } = [];
    /// <summary>Bytes that the frame has, which can be more than were captured.</summary>
    public int Length { get; init; }
    /// <summary>What the frame says.</summary>
    public VmiPacket Packet { get; init; } = new();
}
