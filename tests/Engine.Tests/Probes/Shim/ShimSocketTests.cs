using System.Net.Sockets;
using VmiPl.Probes.Shim;

namespace VmiPl.Tests.Probes.Shim;

public sealed class ShimSocketTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void The_shim_of_a_process_is_found_by_its_name_and_is_that_process()
    {
        Assert.Null(ShimSocket.TryConnect(Environment.ProcessId, Patience));
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        // Of another process, as its name says.
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint($"\0vmipl.shim.{Environment.ProcessId}1.{Guid.NewGuid():N}"));
        other.Listen(1);
        Assert.Null(ShimSocket.TryConnect(Environment.ProcessId, Patience));
        listener.Bind(new UnixDomainSocketEndPoint($"\0vmipl.shim.{Environment.ProcessId}.0123456789abcdef"));
        listener.Listen(1);
        using Socket? found = ShimSocket.TryConnect(Environment.ProcessId, Patience);
        Assert.NotNull(found);
        using Socket taken = listener.Accept();
        found.Send([42]);
        byte[] one = new byte[1];
        Assert.Equal(1, taken.Receive(one));
        Assert.Equal(42, one[0]);
    }

    [Fact]
    public void A_name_that_another_process_has_taken_is_passed_by()
    {
        // The name of a process that is not this one, at a socket that is this one's.
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint("\0vmipl.shim.1.0123456789abcdef"));
        listener.Listen(1);
        Assert.Null(ShimSocket.TryConnect(1, Patience));
    }
}
