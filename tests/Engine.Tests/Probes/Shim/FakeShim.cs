using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using VmiPl.Probes.Shim;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>The other end of a shim's conversation: it keeps what it is asked, and answers as a shim without a guest would, unless a test says otherwise.</summary>
internal sealed class FakeShim : IDisposable
{
    private readonly Socket _socket;
    private readonly Thread _thread;
    private readonly ConcurrentQueue<ShimMessage> _asked = new();

    public FakeShim(int ringBytes, string? name = null)
    {
        name ??= $"vmipl-test-{Guid.NewGuid():N}";
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint("\0" + name));
        listener.Listen(1);
        Client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Client.Connect(new UnixDomainSocketEndPoint("\0" + name));
        _socket = listener.Accept();
        Ring = new TestRing(ringBytes);
        _thread = new Thread(Serve) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>The client's end.</summary>
    public Socket Client { get; }

    public TestRing Ring { get; }

    public AbiAbility Abilities { get; set; } = AbiAbility.Run | AbiAbility.Sync | AbiAbility.Debug | AbiAbility.BlockIrq;

    /// <summary>Has a request refused with that text, where it gives one.</summary>
    public Func<ShimMessage, string?> Refuses { get; set; } = _ => null;

    /// <summary>Deals with a request in another way, where it gives true.</summary>
    public Func<FakeShim, ShimMessage, bool> Instead { get; set; } = (_, _) => false;

    /// <summary>Called before a request is answered.</summary>
    public Action<ShimMessage> Before { get; set; } = _ => { };

    /// <summary>Everything that was asked.</summary>
    public IReadOnlyList<ShimMessage> Asked => [.. _asked];

    public IReadOnlyList<AbiRequest> AskedTypes => [.. _asked.Select(message => (AbiRequest)message.Head.Type)];

    /// <summary>The last state that was to be applied and was not refused; null: none.</summary>
    public FakeState? State { get; private set; }

    public static byte[] Message(uint type, uint sequence, int status, byte[] payload) =>
        [.. ShimProtocol.Bytes(new AbiMessage { Size = (uint)(16 + payload.Length), Type = type, Sequence = sequence, Status = status }), .. payload];

    public void Send(byte[] bytes) => _socket.Send(bytes);

    public void Notice<T>(AbiNotice notice, T payload) where T : unmanaged => Send(Message((uint)notice, 0, 0, ShimProtocol.Bytes(payload)));

    public void Answer(ShimMessage request, int status = 0, byte[]? payload = null) => Send(Message(request.Head.Type, request.Head.Sequence, status, payload ?? []));

    /// <summary>Writes a record, and wakes whoever waits for it.</summary>
    public void Emit(int probe, byte[] bytes, uint schema = 0)
    {
        Assert.True(Ring.TryWrite(probe, bytes, schema));
        Ring.Wake();
    }

    /// <summary>Ends the connection.</summary>
    public void Close() => _socket.Shutdown(SocketShutdown.Both);

    public void Welcome(ShimMessage request) => SharedFiles.Send(
        _socket,
        Message(request.Head.Type, request.Head.Sequence, 0, ShimProtocol.Bytes(new AbiWelcome { Magic = AbiNumbers.ShimMagic, Abi = AbiNumbers.ShimAbi, Abilities = Abilities, Vcpus = 1 })),
        Ring.File, Ring.Signal);

    public void Dispose()
    {
        _socket.Dispose();
        _thread.Join();
        Client.Dispose();
        Ring.Dispose();
    }

    private void Serve()
    {
        var protocol = new ShimProtocol(AbiNumbers.MaxMessage);
        byte[] buffer = new byte[65536];
        try
        {
            for (int got; (got = _socket.Receive(buffer)) > 0;)
            {
                protocol.Feed(buffer.AsSpan(0, got));
                while (protocol.TryTake(out ShimMessage message))
                    Serve(message);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over, or the client is gone.
        }
        State = null;
    }

    private void Serve(ShimMessage message)
    {
        _asked.Enqueue(message);
        Before(message);
        if (Instead(this, message))
            return;
        if (Refuses(message) is { } text)
        {
            Answer(message, -22, Encoding.UTF8.GetBytes(text));
            return;
        }
        switch ((AbiRequest)message.Head.Type)
        {
            case AbiRequest.Hello:
                Welcome(message);
                return;
            case AbiRequest.Apply:
                State = new FakeState(message.Payload);
                foreach (AbiProbe probe in State.Probes)
                    Ring.Put(TestRing.CountersAt + 64 * (int)probe.Id + 40, probe.Body == AbiNumbers.Keep ? BodyOf((int)probe.Id) : probe.Body);
                break;
            case AbiRequest.End:
                State = null;
                break;
        }
        Answer(message);
    }

    private uint BodyOf(int probe) => MemoryMarshal.Read<uint>(Ring.Bytes[(TestRing.CountersAt + 64 * probe + 40)..]);
}

/// <summary>What a client has asked to be at work.</summary>
internal sealed class FakeState
{
    public FakeState(byte[] payload)
    {
        ReadOnlySpan<byte> rest = payload;
        AbiApply head = Take<AbiApply>(ref rest, 1)[0];
        Probes = Take<AbiProbe>(ref rest, (int)head.Probes);
        Bodies = Take<AbiBody>(ref rest, (int)head.Bodies);
        Sites = Take<AbiSite>(ref rest, (int)head.Sites);
        Uses = Take<AbiUse>(ref rest, (int)head.Uses);
        Assert.True(rest.IsEmpty);
    }

    public AbiProbe[] Probes { get; }

    public AbiBody[] Bodies { get; }

    public AbiSite[] Sites { get; }

    public AbiUse[] Uses { get; }

    private static T[] Take<T>(ref ReadOnlySpan<byte> bytes, int count) where T : unmanaged
    {
        int length = count * System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
        T[] result = MemoryMarshal.Cast<byte, T>(bytes[..length]).ToArray();
        bytes = bytes[length..];
        return result;
    }
}
