using System.Buffers.Binary;
using System.Globalization;
using PacketDotNet;

namespace VmiPl.Streams.Packets;

/// <summary>Reads Ethernet frames with PacketDotNet, and DNS with <see cref="DnsMessage"/>. Frames are hostile and may break off anywhere: what could be
/// read is given, with the reason why the rest could not. Never throws; safe from any thread.</summary>
public static class PacketReader
{
    private const int MaxLayers = 8, AddressBytes = 6, EthernetHeader = 14, DnsPort = 53;

    /// <summary>What a frame says. <paramref name="frame"/> is what was captured of its <paramref name="length"/> bytes; nothing of it is kept.</summary>
    public static VmiPacket Read(byte[] frame, int length)
    {
        var packet = new VmiPacket
        {
            Length = length,
            PayloadLength = frame.Length,
            DestinationMac = frame.Length >= AddressBytes ? Mac(frame.AsSpan(0, AddressBytes)) : null,
            SourceMac = frame.Length >= 2 * AddressBytes ? Mac(frame.AsSpan(AddressBytes, AddressBytes)) : null,
            EtherType = frame.Length >= EthernetHeader ? BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(2 * AddressBytes)) : null,
            Protocol = "Ethernet",
        };
        try
        {
            if (frame.Length < EthernetHeader)
                packet = Broken(packet, null);
            else
                packet = ReadLayers(packet, Packet.ParsePacket(LinkLayers.Ethernet, frame));
        }
        catch (Exception e)   // whatever the library stumbles over: the frame was made to make it stumble
        {
            packet = Broken(packet, e);
        }
        if (length > frame.Length && packet.Error is null)
            packet = packet with { Error = string.Create(CultureInfo.InvariantCulture, $"Only {frame.Length} of {length} bytes were captured.") };
        return packet with { Summary = Summarize(packet) };
    }

    private static VmiPacket ReadLayers(VmiPacket packet, Packet? layer)
    {
        for (int depth = 0; layer is not null && depth < MaxLayers; depth++)
        {
            try
            {
                packet = Describe(packet, layer);
                if (layer is TcpPacket or UdpPacket)
                    return ReadDns(packet, layer);
                // Behind a later fragment's IP header there is the middle of something, not a header.
                if (layer is IPv4Packet { FragmentOffset: > 0 } or ArpPacket or IcmpV4Packet or IcmpV6Packet)
                    return packet;
                layer = layer.PayloadPacket;
            }
            catch (Exception e)   // as in Read; what came before stays
            {
                return Broken(packet, e);
            }
        }
        return packet;
    }

    private static VmiPacket Describe(VmiPacket packet, Packet layer)
    {
        packet = layer switch
        {
            EthernetPacket ethernet => packet with { EtherType = (int)ethernet.Type, Protocol = TypeName((int)ethernet.Type) },
            Ieee8021QPacket tag => packet with
            {
                VlanId = packet.VlanId ?? tag.VlanIdentifier, EtherType = (int)tag.Type, Protocol = TypeName((int)tag.Type),
            },
            ArpPacket arp => packet with
            {
                Protocol = "ARP",
                ArpOperation = (int)arp.Operation switch { 1 => "request", 2 => "reply", var other => other.ToString(CultureInfo.InvariantCulture) },
                SourceAddress = arp.SenderProtocolAddress.ToString(),
                DestinationAddress = arp.TargetProtocolAddress.ToString(),
            },
            IPPacket ip => packet with
            {
                Protocol = string.Create(CultureInfo.InvariantCulture, $"{(ip is IPv4Packet ? "IPv4" : "IPv6")}/{(int)ip.Protocol}"),
                SourceAddress = ip.SourceAddress.ToString(),
                DestinationAddress = ip.DestinationAddress.ToString(),
            },
            TcpPacket tcp => packet with { Protocol = "TCP", SourcePort = tcp.SourcePort, DestinationPort = tcp.DestinationPort, Flags = FlagsOf(tcp.Flags) },
            UdpPacket udp => packet with { Protocol = "UDP", SourcePort = udp.SourcePort, DestinationPort = udp.DestinationPort },
            IcmpV4Packet icmp => packet with { Protocol = "ICMP", IcmpType = (int)icmp.TypeCode >> 8, IcmpCode = (int)icmp.TypeCode & 0xff },
            IcmpV6Packet icmp => packet with { Protocol = "ICMPv6", IcmpType = (int)icmp.Type, IcmpCode = icmp.Code },
            _ => packet,
        };
        return packet with { PayloadLength = PayloadOf(layer).Length };
    }

    private static VmiPacket ReadDns(VmiPacket packet, Packet layer)
    {
        ReadOnlySpan<byte> message = PayloadOf(layer);
        if ((packet.SourcePort != DnsPort && packet.DestinationPort != DnsPort) || message.IsEmpty)
            return packet;
        if (layer is TcpPacket)
        {
            // A segment need not begin with a message: a length that cannot be one (RFC 1035 §4.2.2) tells.
            if (message.Length < 14 || BinaryPrimitives.ReadUInt16BigEndian(message) < 12)
                return packet;
            message = message[2..];
        }
        (string[] names, string[] answers, bool whole) = DnsMessage.Read(message);
        return packet with
        {
            Protocol = "DNS", QueryNames = names, Answers = answers,
            Error = whole ? null : "The DNS message breaks off or contradicts itself.",
        };
    }

    /// <summary>What lies behind a layer's header. The library's own Bytes and TotalPacketLength go through all layers by recursion: a frame of
    /// thousands of headers would end this process by its stack.</summary>
    private static ReadOnlySpan<byte> PayloadOf(Packet layer)
    {
        if (layer.PayloadData is { } data)
            return data;
        var header = layer.HeaderSegment;
        return header.Bytes.AsSpan(Math.Min(header.Offset + header.Length, header.BytesLength));
    }

    private static VmiPacket Broken(VmiPacket packet, Exception? e) =>
        packet with { Error = $"The frame breaks off or contradicts itself behind {packet.Protocol}{(e is null ? "" : $" ({e.GetType().Name})")}." };

    private static string Mac(ReadOnlySpan<byte> bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes[0]:x2}:{bytes[1]:x2}:{bytes[2]:x2}:{bytes[3]:x2}:{bytes[4]:x2}:{bytes[5]:x2}");

    private static string TypeName(int type) => type switch
    {
        0x0800 => "IPv4",
        0x86dd => "IPv6",
        0x0806 => "ARP",
        _ => string.Create(CultureInfo.InvariantCulture, $"0x{type:x4}"),
    };

    // RFC 9293 §3.1, RFC 3168: from the lowest bit on.
    private static string FlagsOf(int flags)
    {
        ReadOnlySpan<string> names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        var set = new List<string>();
        for (int bit = 0; bit < names.Length; bit++)
        {
            if ((flags & (1 << bit)) != 0)
                set.Add(names[bit]);
        }
        return string.Join(',', set);
    }

    private static string Summarize(VmiPacket p)
    {
        string from = p.SourceAddress ?? p.SourceMac ?? "?", to = p.DestinationAddress ?? p.DestinationMac ?? "?";
        if (p.SourcePort is not null)
            (from, to) = ($"{Bracketed(from)}:{p.SourcePort}", $"{Bracketed(to)}:{p.DestinationPort}");
        string what = p switch
        {
            { ArpOperation: { } operation } => " " + operation,
            { IcmpType: { } type } => string.Create(CultureInfo.InvariantCulture, $" {type}/{p.IcmpCode}"),
            { Flags.Length: > 0 } and { Protocol: "TCP" } => " " + p.Flags,
            { QueryNames.Length: > 0 } or { Answers.Length: > 0 } => " " + string.Join(", ", p.QueryNames) + (p.Answers.Length > 0 ? " = " + string.Join(", ", p.Answers) : ""),
            _ => "",
        };
        string tag = p.VlanId is null ? "" : string.Create(CultureInfo.InvariantCulture, $" vlan {p.VlanId}");
        return string.Create(CultureInfo.InvariantCulture, $"{from} > {to} {p.Protocol}{tag}{what}, {p.Length} bytes");
    }

    private static string Bracketed(string address) => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address;
}
