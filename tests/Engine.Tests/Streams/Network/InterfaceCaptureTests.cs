using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Streams.Network;

namespace VmiPl.Tests.Streams.Network;

/// <summary>Frames of a host's interface: the way for a NIC whose frames pass QEMU by.</summary>
public sealed class InterfaceCaptureTests : ICaptureSink
{
    private const int Frames = 500, MinBytes = 60;
    private readonly List<byte[]> _frames = [];
    private readonly List<string> _trouble = [];
    private long _lost;

    [Fact]
    public void Every_frame_is_seen_once_in_either_direction_with_its_tag()
    {
        Assert.SkipWhen(NativeFolder.UserId != 0, "Making a network interface takes root.");
        Assert.SkipUnless(File.Exists("/usr/sbin/ip") || File.Exists("/usr/bin/ip") || File.Exists("/sbin/ip"), "There is no `ip` to make a network interface with (Debian: iproute2).");
        string name = $"vmipl{Environment.ProcessId % 100_000}a", peer = $"vmipl{Environment.ProcessId % 100_000}b";
        Ip("link", "add", name, "type", "veth", "peer", "name", peer);
        try
        {
            foreach (string one in (string[])[name, peer])
            {
                File.WriteAllText($"/proc/sys/net/ipv6/conf/{one}/disable_ipv6", "1");
                Ip("link", "set", one, "up");
            }
            using (new InterfaceCapture(Environment.ProcessId, name, this))
            {
                using Socket here = Open(name), there = Open(peer);
                for (int i = 0; i < Frames; i++)
                {
                    here.Send(Frame(i, isTagged: i % 3 == 0));
                    there.Send(Frame(Frames + i, isTagged: i % 5 == 0));
                }
                Assert.True(SpinWait.SpinUntil(() => Count() >= 2 * Frames, TimeSpan.FromSeconds(30)), $"{Count()} frames came.");
            }
        }
        finally
        {
            Ip("link", "del", name);
        }
        Assert.Empty(_trouble);
        Assert.Equal(0, _lost);
        byte[][] sent = [.. Enumerable.Range(0, Frames).Select(i => Frame(i, i % 3 == 0)).Concat(Enumerable.Range(0, Frames).Select(i => Frame(Frames + i, i % 5 == 0)))];
        Assert.Equal(sent.Select(Convert.ToHexString).Order(), _frames.Select(Convert.ToHexString).Order());
    }

    [Fact]
    public void An_interface_that_is_not_there_is_said_to_be_missing()
    {
        VmiException missing = Assert.Throws<VmiException>(() => new InterfaceCapture(Environment.ProcessId, "no-such-tap", this));
        Assert.Equal(VmiErrorCode.NotSupported, missing.Code);
        Assert.Contains("no-such-tap", missing.Message, StringComparison.Ordinal);
    }

    void ICaptureSink.Frame(PcapFrame frame)
    {
        lock (_frames)
            _frames.Add(frame.Bytes);
    }

    void ICaptureSink.Lost(long count) => _lost += count;

    void ICaptureSink.Trouble(string text) => _trouble.Add(text);

    private int Count()
    {
        lock (_frames)
            return _frames.Count;
    }

    private static Socket Open(string name)
    {
        var socket = new Socket(AddressFamily.Packet, SocketType.Raw, ProtocolType.Unspecified);
        socket.Bind(new InterfaceEndPoint(int.Parse(File.ReadAllText($"/sys/class/net/{name}/ifindex"), CultureInfo.InvariantCulture)));
        return socket;
    }

    private static byte[] Frame(int number, bool isTagged)
    {
        byte[] frame = new byte[isTagged ? MinBytes + 4 : MinBytes];
        frame.AsSpan(0, 12).Fill(2);
        int at = 12;
        if (isTagged)
        {
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(12), 0x8100_0000u | (uint)(number % 4094 + 1));
            at = 16;
        }
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), 0x88b5);   // IEEE 802, for experiments
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(at + 2), number);
        return frame;
    }

    private static void Ip(params string[] arguments)
    {
        using Process ip = Process.Start("ip", arguments);
        ip.WaitForExit();
        Assert.Equal(0, ip.ExitCode);
    }

    /// <summary>An interface by its index (man 7 packet, struct sockaddr_ll).</summary>
    private sealed class InterfaceEndPoint(int index) : EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, 20);
            for (int i = 0; i < 4; i++)
                address[4 + i] = (byte)(index >> (8 * i));
            return address;
        }
    }
}
