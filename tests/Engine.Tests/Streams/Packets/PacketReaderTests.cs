using System.Net;
using System.Net.NetworkInformation;
using System.Text;
using PacketDotNet;
using VmiPl.Streams.Packets;

namespace VmiPl.Tests.Streams.Packets;

public sealed class PacketReaderTests
{
    private static readonly PhysicalAddress From = PhysicalAddress.Parse("525400000001"), To = PhysicalAddress.Parse("525400000002");

    private static byte[] Ethernet(EthernetType type, Packet payload) => new EthernetPacket(From, To, type) { PayloadPacket = payload }.Bytes;

    private static byte[] OverIp(Packet payload, string from = "192.0.2.1", string to = "192.0.2.2")
    {
        IPAddress source = IPAddress.Parse(from), target = IPAddress.Parse(to);
        IPPacket ip = source.GetAddressBytes().Length == 4 ? new IPv4Packet(source, target) : new IPv6Packet(source, target);
        ip.PayloadPacket = payload;
        return Ethernet(ip is IPv4Packet ? EthernetType.IPv4 : EthernetType.IPv6, ip);
    }

    private static byte[] Query { get; } = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. Name("www", "example"), 0, 1, 0, 1];

    private static byte[] Answer { get; } =
    [
        0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0, .. Name("www", "example"), 0, 1, 0, 1,
        0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, (byte)'x', 0xc0, 16,
        0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9,
        0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ];

    private static byte[] Name(params string[] labels) => [.. labels.SelectMany(l => Encoding.ASCII.GetBytes(l).Prepend((byte)l.Length)), 0];

    private static byte[] Syn { get; } = OverIp(new TcpPacket(40000, 443) { Synchronize = true, Acknowledgment = true, PayloadData = [1, 2, 3] });

    private static byte[] DnsQuery { get; } = OverIp(new UdpPacket(5353, 53) { PayloadData = Query }, "2001:db8::1", "2001:db8::2");

    private static byte[] DnsAnswer { get; } = OverIp(new UdpPacket(53, 5353) { PayloadData = Answer });

    private static byte[] DnsOverTcp { get; } = OverIp(new TcpPacket(53, 5353) { PayloadData = [0, (byte)Answer.Length, .. Answer] });

    private static byte[] Arp { get; } =
        Ethernet(EthernetType.Arp, new ArpPacket(ArpOperation.Request, PhysicalAddress.Parse("000000000000"), IPAddress.Parse("192.0.2.2"), From, IPAddress.Parse("192.0.2.1")));

    private static byte[] Tagged { get; } = [.. DnsAnswer[..12], 0x81, 0, 0x20, 7, .. DnsAnswer[12..]];

    // An echo request; the checksum is not looked at.
    private static byte[] Ping { get; } = [.. Syn[..23], 1, .. Syn[24..34], 8, 0, 0, 0, 0, 1, 0, 2, .. new byte[20]];

    private static byte[] Ping6 { get; } = [.. DnsQuery[..20], 58, .. DnsQuery[21..54], 135, 0, 0, 0, 0, 0, 0, 0, .. new byte[16]];

    private static VmiPacket Read(byte[] frame) => PacketReader.Read(frame, frame.Length);

    [Fact]
    public void TCP_shows_addresses_ports_and_flags()
    {
        VmiPacket p = Read(Syn);
        Assert.Null(p.Error);
        Assert.Equal(("52:54:00:00:00:01", "52:54:00:00:00:02", 0x0800, "TCP"), (p.SourceMac, p.DestinationMac, p.EtherType, p.Protocol));
        Assert.Equal(("192.0.2.1", 40000, "192.0.2.2", 443, "SYN,ACK", 3), (p.SourceAddress, p.SourcePort, p.DestinationAddress, p.DestinationPort, p.Flags, p.PayloadLength));
        Assert.Equal($"192.0.2.1:40000 > 192.0.2.2:443 TCP SYN,ACK, {Syn.Length} bytes", p.Summary);
    }

    [Fact]
    public void DNS_shows_what_is_asked_and_answered()
    {
        VmiPacket query = Read(DnsQuery);
        Assert.Equal(("DNS", "2001:db8::1", 53, Query.Length), (query.Protocol, query.SourceAddress, query.DestinationPort, query.PayloadLength));
        Assert.Equal(["www.example"], query.QueryNames);
        Assert.Equal($"[2001:db8::1]:5353 > [2001:db8::2]:53 DNS www.example, {DnsQuery.Length} bytes", query.Summary);
        foreach (byte[] frame in (byte[][])[DnsAnswer, DnsOverTcp, Tagged])
        {
            VmiPacket answer = Read(frame);
            Assert.Null(answer.Error);
            Assert.Equal("DNS", answer.Protocol);
            Assert.Equal(["www.example CNAME x.example", "www.example A 192.0.2.9", "www.example AAAA 2001:db8::1"], answer.Answers);
        }
        Assert.Equal((7, 0x0800), (Read(Tagged).VlanId, Read(Tagged).EtherType));
    }

    [Fact]
    public void ARP_and_ICMP_show_what_they_are()
    {
        VmiPacket arp = Read(Arp), ping = Read(Ping), ping6 = Read(Ping6);
        Assert.Equal(("ARP", "request", "192.0.2.1", "192.0.2.2"), (arp.Protocol, arp.ArpOperation, arp.SourceAddress, arp.DestinationAddress));
        Assert.Equal(("ICMP", 8, 0), (ping.Protocol, ping.IcmpType, ping.IcmpCode));
        Assert.Equal(("ICMPv6", 135, 0), (ping6.Protocol, ping6.IcmpType, ping6.IcmpCode));
    }

    [Fact]
    public void A_later_fragment_has_no_ports()
    {
        byte[] frame = [.. Syn];
        frame[21] = 5;   // fragment offset
        VmiPacket p = Read(frame);
        Assert.Equal(("IPv4/6", (int?)null, "192.0.2.1"), (p.Protocol, p.SourcePort, p.SourceAddress));
    }

    [Fact]
    public void A_frame_that_breaks_off_gives_what_there_is_and_says_so()
    {
        foreach (byte[] frame in (byte[][])[Syn, DnsQuery, DnsAnswer, Arp, Ping, Ping6, Tagged])
        {
            VmiPacket whole = Read(frame);
            for (int length = 0; length < frame.Length; length++)
            {
                VmiPacket p = PacketReader.Read(frame[..length], frame.Length);
                Assert.NotNull(p.Error);
                Assert.NotEmpty(p.Summary);
                Assert.True(p.SourceMac == (length >= 12 ? whole.SourceMac : null));
                Assert.True(p.DestinationMac == (length >= 6 ? whole.DestinationMac : null));
            }
        }
        VmiPacket cut = PacketReader.Read(DnsQuery[..70], DnsQuery.Length);
        Assert.Equal(("2001:db8::1", 53, DnsQuery.Length), (cut.SourceAddress, cut.DestinationPort, cut.Length));
    }

    [Fact]
    public void Names_that_lie_are_bounded_and_shown_as_plain_text()
    {
        byte[] Dns(params byte[] name) => OverIp(new UdpPacket(1, 53) { PayloadData = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. name, 0, 1, 0, 1] });
        Assert.Equal([@"a\010\.b\\\255"], Read(Dns(6, (byte)'a', 10, (byte)'.', (byte)'b', (byte)'\\', 0xff, 0)).QueryNames);
        foreach (byte[] hostile in (byte[][])[[0xc0, 12], [0xc0, 13], [0xff, 0xff], [1, (byte)'a', 0xc0, 12], [63, 1], [0x80, 1], [.. Enumerable.Repeat<byte[]>([1, 65], 200).SelectMany(b => b), 0]])
        {
            VmiPacket p = Read(Dns(hostile));
            Assert.NotNull(p.Error);
            Assert.Empty(p.QueryNames);
        }
        byte[] many = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, .. Enumerable.Repeat<byte>(0, 40_000)];
        VmiPacket crowd = Read(OverIp(new UdpPacket(1, 53) { PayloadData = many }));
        Assert.Equal(64, crowd.QueryNames.Length);
        Assert.NotNull(crowd.Error);
    }

    [Fact]
    public void Random_and_mutated_frames_never_throw()
    {
        var random = new Random(3);
        byte[][] seeds = [Syn, DnsQuery, DnsAnswer, DnsOverTcp, Arp, Ping, Ping6, Tagged];
        int understood = 0;
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame;
            if (i % 4 == 0)
            {
                frame = new byte[random.Next(0, 300)];
                random.NextBytes(frame);
                // Types that lead somewhere: IP, ARP, VLAN, PPPoE, LLDP, MPLS, Wake-on-LAN, IPv6.
                if (frame.Length > 14)
                    System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), ((ushort[])[0x0800, 0x86dd, 0x0806, 0x8100, 0x8864, 0x8863, 0x88cc, 0x8847, 0x0842, 0x88a8])[random.Next(10)]);
            }
            else
            {
                frame = [.. seeds[random.Next(seeds.Length)]];
                for (int n = random.Next(1, 6); n > 0; n--)
                    frame[random.Next(frame.Length)] = (byte)random.Next(256);
                if (i % 3 == 0)
                    frame = frame[..random.Next(frame.Length)];
            }
            VmiPacket p = Read(frame);
            Assert.DoesNotContain(p.Summary, c => c is < ' ' or > '~');
            understood += p.Error is null ? 1 : 0;
        }
        Assert.True(understood > 20_000, $"only {understood} frames were understood");
    }

    [Fact]
    public void Headers_within_headers_without_end_are_left_at_some_point()
    {
        // IP in IP in IP, 256 KiB of it; and as many VLAN tags; on a small stack.
        byte[] ip = [0x45, 0, 0xff, 0xff, 0, 0, 0, 0, 64, 4, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
        byte[] nested = [.. Syn[..14], .. Enumerable.Repeat(ip, 13_000).SelectMany(b => b)];
        byte[] tags = [.. Syn[..12], .. Enumerable.Repeat<byte[]>([0x81, 0, 0, 9], 65_000).SelectMany(b => b)];
        VmiPacket? first = null, second = null;
        var thread = new Thread(() => (first, second) = (Read(nested), Read(tags)), 256 * 1024);
        thread.Start();
        thread.Join();
        Assert.Equal(("IPv4/4", "1.1.1.1", nested.Length), (first!.Protocol, first.SourceAddress, first.Length));
        Assert.Equal((9, tags.Length), (second!.VlanId, second.Length));
    }
}
