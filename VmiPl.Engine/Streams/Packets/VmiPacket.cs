namespace VmiPl.Streams.Packets;

/// <summary>What an Ethernet frame says, as far as it can be read; what it does not have is null or empty. The guest or its peers chose every byte of
/// it. Plain properties, so that it survives serialisation.</summary>
public sealed record VmiPacket
{
    /// <summary>Who sent the frame, <c>52:54:00:12:34:56</c>.</summary>
    public string? SourceMac { get; init; }
    /// <summary>Whom it is for.</summary>
    public string? DestinationMac { get; init; }
    /// <summary>What it carries (IEEE 802 numbers): 0x0800 for IPv4; behind the VLAN tag, if there is one.</summary>
    public int? EtherType { get; init; }
    /// <summary>The VLAN of the outer tag.</summary>
    public int? VlanId { get; init; }
    /// <summary>The innermost protocol that was understood: <c>DNS</c>, <c>TCP</c>, <c>UDP</c>, <c>ICMP</c>, <c>ICMPv6</c>, <c>ARP</c>, an IP
    /// protocol's number as <c>IPv4/47</c>, else the type, <c>0x88cc</c>.</summary>
    public string Protocol { get; init; } = "";
    /// <summary>The sender's IP address; for ARP the one that it says it has.</summary>
    public string? SourceAddress { get; init; }
    /// <summary>The receiver's IP address; for ARP the one that is asked about.</summary>
    public string? DestinationAddress { get; init; }
    /// <summary>The sender's TCP or UDP port.</summary>
    public int? SourcePort { get; init; }
    /// <summary>The receiver's TCP or UDP port.</summary>
    public int? DestinationPort { get; init; }
    /// <summary>TCP's flags, <c>SYN,ACK</c>.</summary>
    public string? Flags { get; init; }
    /// <summary>ICMP's type.</summary>
    public int? IcmpType { get; init; }
    /// <summary>ICMP's code.</summary>
    public int? IcmpCode { get; init; }
    /// <summary>ARP's operation: <c>request</c>, <c>reply</c> or its number.</summary>
    public string? ArpOperation { get; init; }
    /// <summary>Bytes of the frame.</summary>
    public int Length { get; init; }
    /// <summary>Bytes behind the last header that was understood.</summary>
    public int PayloadLength { get; init; }
    /// <summary>The names that a DNS message asks for; bytes that are no plain text as <c>\ddd</c>.</summary>
    public string[] QueryNames { get; init; } = [];
    /// <summary>What a DNS message answers, <c>example.org A 192.0.2.1</c>.</summary>
    public string[] Answers { get; init; } = [];
    /// <summary>The packet in one line of plain text.</summary>
    public string Summary { get; init; } = "";
    /// <summary>Why not all of it could be read, or null.</summary>
    public string? Error { get; init; }
}
