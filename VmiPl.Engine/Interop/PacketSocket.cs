using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>All frames that pass one network interface (man 7 packet), each once, in both directions. Takes CAP_NET_RAW.</summary>
internal sealed unsafe class PacketSocket : IDisposable
{
    // linux/if_packet.h, linux/if_ether.h, asm-generic/socket.h
    private const int Packet = 17, Raw = 3, CloseOnExec = 0x80000, NonBlocking = 0x800, SolPacket = 263, AuxData = 8, Statistics = 6;
    private const int SolSocket = 1, ReceiveBuffer = 8, ReceiveBufferForce = 33, TruncatedLength = 0x20;
    private const ushort AllFramesBigEndian = 0x0300;
    private const uint VlanValid = 0x10, VlanTypeValid = 0x40;
    private const int AddressBytes = 12, TagBytes = 4;
    private readonly SafeFileHandle _file;

    private PacketSocket(SafeFileHandle file) => _file = file;

    private int Fd => (int)_file.DangerousGetHandle();

    /// <summary>Begins to take the frames of the interface with that index. Null with the error number.</summary>
    public static PacketSocket? TryOpen(int interfaceIndex, out int error)
    {
        // Protocol 0: nothing is taken before it is bound to the one interface.
        int fd = LibC.socket(Packet, Raw | CloseOnExec | NonBlocking, 0);
        error = fd < 0 ? LibC.errno : 0;
        if (fd < 0)
            return null;
        var socket = new PacketSocket(new SafeFileHandle(fd, ownsHandle: true));
        int one = 1, size = 32 << 20;
        byte* address = stackalloc byte[20];   // struct sockaddr_ll
        new Span<byte>(address, 20).Clear();
        *(ushort*)address = Packet;
        *(ushort*)(address + 2) = AllFramesBigEndian;
        *(int*)(address + 4) = interfaceIndex;
        _ = LibC.setsockopt(fd, SolSocket, ReceiveBufferForce, &size, sizeof(int)) == 0 || LibC.setsockopt(fd, SolSocket, ReceiveBuffer, &size, sizeof(int)) == 0;
        if (LibC.setsockopt(fd, SolPacket, AuxData, &one, sizeof(int)) == 0 && LibC.bind(fd, (sockaddr*)address, 20) == 0)
            return socket;
        error = LibC.errno;
        socket.Dispose();
        return null;
    }

    /// <summary>The next frame into <paramref name="buffer"/>: the bytes captured, with <paramref name="length"/> that it had; -1 where none is there yet, -2
    /// with <paramref name="error"/> where the interface is gone.</summary>
    public int Read(Span<byte> buffer, out int length, out int error)
    {
        byte* control = stackalloc byte[256];
        fixed (byte* to = buffer)
        {
            // The kernel takes a VLAN tag out of the frame: room is left to put it back where it was.
            iovec part = new() { iov_base = to + TagBytes, iov_len = (size_t)(buffer.Length - TagBytes) };
            msghdr message = new() { msg_iov = &part, msg_iovlen = 1, msg_control = control, msg_controllen = 256 };
            long got = (long)LibC.recvmsg(Fd, &message, TruncatedLength);
            error = got < 0 ? LibC.errno : 0;
            length = (int)got;
            if (got < 0)
                return error == LibC.EAGAIN || error == LibC.EINTR ? -1 : -2;
            int captured = Math.Min((int)got, buffer.Length - TagBytes);
            if (captured >= AddressBytes && TagOf(control, (int)message.msg_controllen) is { } tag)
            {
                buffer.Slice(TagBytes, AddressBytes).CopyTo(buffer);
                BinaryPrimitives.WriteUInt32BigEndian(buffer[AddressBytes..], tag);
                length += TagBytes;
                return captured + TagBytes;
            }
            buffer.Slice(TagBytes, captured).CopyTo(buffer);
            return captured;
        }
    }

    /// <summary>Waits for a frame, at most <paramref name="milliseconds"/>.</summary>
    public void Wait(int milliseconds)
    {
        pollfd one = new() { fd = Fd, events = (short)LibC.POLLIN };
        _ = LibC.poll(&one, 1, milliseconds);
    }

    /// <summary>Frames that the kernel had no room for since this was asked last.</summary>
    public uint TakeDropped()
    {
        uint* counts = stackalloc uint[2];   // struct tpacket_stats: frames, drops
        socklen_t size = 8;
        return LibC.getsockopt(Fd, SolPacket, Statistics, counts, &size) == 0 ? counts[1] : 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static uint? TagOf(byte* control, int length)
    {
        // struct cmsghdr: length (8 bytes), level, type; then struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid
        if (length < 36 || *(int*)(control + 8) != SolPacket || *(int*)(control + 12) != AuxData)
            return null;
        byte* aux = control + 16;
        uint status = *(uint*)aux;
        if ((status & VlanValid) == 0)
            return null;
        uint type = (status & VlanTypeValid) != 0 ? *(ushort*)(aux + 18) : 0x8100u;
        return type << 16 | *(ushort*)(aux + 16);
    }
}
