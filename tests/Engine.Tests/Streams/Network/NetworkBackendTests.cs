using VmiPl.Errors;
using VmiPl.Streams.Network;

namespace VmiPl.Tests.Streams.Network;

public sealed class NetworkBackendTests
{
    // QEMU 7.2; the tap's lines as net/tap.c prints them.
    private const string Text = """
        e1000.0: index=0,type=nic,model=e1000,macaddr=52:54:00:00:00:04
         \ fo: index=0,type=user,net=10.0.2.0,restrict=off
        virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:01
         \ n0: index=0,type=dgram,udp=/tmp/l.sock:/tmp/r.sock
        filters:
          - vmipl-1: type=filter-dump,file=/x,maxlen=65536
        net1: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:05
         \ hostnet1: index=0,type=tap,ifname=tap7,script=no,downscript=no
        net2: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:06
         \ hostnet2: index=0,type=tap,fd=35
        net2: index=1,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:06
         \ hostnet2: index=1,type=tap,fd=36
        lone: index=0,type=nic,model=e1000,macaddr=52:54:00:00:00:07
        twin1: index=0,type=nic,model=e1000,macaddr=52:54:00:00:00:08
         \ a: index=0,type=user,net=10.0.2.0
        twin2: index=0,type=nic,model=e1000,macaddr=52:54:00:00:00:08
         \ b: index=0,type=user,net=10.0.2.0
        spare: index=0,type=user,net=10.0.2.0,restrict=off
        """;

    [Theory]
    [InlineData("52:54:00:00:00:01", "n0", "dgram", null, null)]
    [InlineData("52:54:00:00:00:04", "fo", "user", null, null)]
    [InlineData("52:54:00:00:00:05", "hostnet1", "tap", "tap7", null)]
    [InlineData("52:54:00:00:00:06", "hostnet2", "tap", null, 35)]
    public void The_back_end_of_a_NIC_is_found_by_its_address(string mac, string name, string type, string? interfaceName, int? descriptor)
    {
        NetworkBackend found = NetworkBackend.Find(Text, mac);
        Assert.Equal((name, type, interfaceName, descriptor), (found.Name, found.Type, found.InterfaceName, found.Descriptor));
    }

    [Theory]
    [InlineData("52:54:00:00:00:99", "it has 52:54:00:00:00:04")]
    [InlineData("52:54:00:00:00:07", "Nothing is plugged into")]
    [InlineData("52:54:00:00:00:08", "2 NICs")]
    public void An_address_that_leads_to_no_back_end_says_why(string mac, string words)
    {
        var e = Assert.Throws<VmiException>(() => NetworkBackend.Find(Text, mac));
        Assert.Equal(VmiErrorCode.InvalidArgument, e.Code);
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tap,id=n,vhost=on", true)]
    [InlineData("tap,id=n,vhost=off", false)]
    [InlineData("tap,id=n", false)]
    [InlineData("tap,fd=3,id=n,vhostfd=4", true)]
    [InlineData("tap,vhostforce=on,id=n", true)]
    [InlineData("""{"type":"tap","fd":"3","vhost":true,"vhostfd":"4","id":"n"}""", true)]
    [InlineData("""{"type":"tap","fd":"3","id":"n"}""", false)]
    [InlineData("""{"type":"tap","fd":"3","id":""", null)]
    [InlineData("tap,id=other,vhost=on", null)]
    public void The_command_line_tells_of_vhost(string option, bool? expected) =>
        Assert.Equal(expected, NetworkCapture.VhostOf(["qemu", "-netdev", option, "-S"], "n"));
}
