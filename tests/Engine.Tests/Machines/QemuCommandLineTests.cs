using VmiPl.Machines.CommandLine;

namespace VmiPl.Tests.Machines;

public sealed class QemuCommandLineTests
{
    private const ulong MiB = 1UL << 20, GiB = 1UL << 30;

    [Theory]
    [InlineData("-name web01", "web01")]
    [InlineData("-name guest=web01,debug-threads=on", "web01")]
    [InlineData("-name web01,process=q", "web01")]
    [InlineData("--name a,,b", "a,b")]
    [InlineData("-m 64", null)]
    public void Reads_the_name(string arguments, string? expected) => Assert.Equal(expected, Parse(arguments).Name);

    [Theory]
    [InlineData("-m 512", 512 * MiB)]
    [InlineData("-m 6G", 6 * GiB)]
    [InlineData("-m 1.5G", 1536 * MiB)]
    [InlineData("-m size=2097152k", 2 * GiB)]
    [InlineData("-m size=1G,slots=2,maxmem=8G", GiB)]
    [InlineData("-m 1024,slots=2,maxmem=8G", GiB)]
    [InlineData("-machine q35,memory.size=1G", GiB)]
    [InlineData("-machine q35,memory-backend=r -object memory-backend-memfd,id=r,size=3G", 3 * GiB)]
    [InlineData("-smp 2", 128 * MiB)]
    [InlineData("-m 99999999999999999999", 128 * MiB)]
    [InlineData("-m 99999999999G", 128 * MiB)]
    public void Reads_the_memory(string arguments, ulong expected) => Assert.Equal(expected, Parse(arguments).MemoryBytes);

    [Theory]
    [InlineData("-smp 4", 4)]
    [InlineData("-smp cpus=3,maxcpus=8", 3)]
    [InlineData("-smp 2,sockets=2,cores=1,threads=1", 2)]
    [InlineData("-smp sockets=2,cores=3,threads=2", 12)]
    [InlineData("-smp sockets=2,maxcpus=8", 8)]
    [InlineData("-machine q35,smp.cpus=5", 5)]
    [InlineData("-m 64", 1)]
    [InlineData("-smp sockets=99999,cores=99999,threads=99999", 1)]
    public void Reads_the_number_of_vcpus(string arguments, int expected) => Assert.Equal(expected, Parse(arguments).VcpuCount);

    [Theory]
    [InlineData("-accel kvm -accel tcg", "kvm tcg")]
    [InlineData("-machine q35,accel=kvm:tcg", "kvm tcg")]
    [InlineData("-accel tcg,thread=multi", "tcg")]
    [InlineData("-enable-kvm -m 64", "kvm")]
    [InlineData("-m 64", "")]
    public void Reads_the_accelerators(string arguments, string expected) => Assert.Equal(expected, string.Join(' ', Parse(arguments).Accelerators));

    [Theory]
    [InlineData("-M q35", "q35")]
    [InlineData("-machine pc-i440fx-7.2,usb=off", "pc-i440fx-7.2")]
    [InlineData("-machine accel=tcg", null)]
    [InlineData("-machine type=microvm -machine accel=kvm", "microvm")]
    public void Reads_the_machine_type(string arguments, string? expected) => Assert.Equal(expected, Parse(arguments).MachineType);

    [Theory]
    [InlineData("-qmp unix:/run/q.sock,server=on,wait=off", "Qmp /run/q.sock")]
    [InlineData("-qmp unix:q.sock,server,nowait", "Qmp q.sock")]
    [InlineData("-qmp-pretty unix:/a,,b,server=on", "Qmp /a,b")]
    [InlineData("-qmp unix:/run/q.sock", "")]
    [InlineData("-qmp tcp:localhost:4444,server=on", "Qmp localhost:4444")]
    [InlineData("-qmp tcp::4444,server=on", "Qmp localhost:4444")]
    [InlineData("-qmp tcp:h:0,server=on", "")]
    [InlineData("-monitor unix:/run/m,server=on -qmp unix:/run/q,server=on", "Qmp /run/q|Human /run/m")]
    [InlineData("-monitor stdio", "")]
    [InlineData("-monitor none", "")]
    [InlineData("-monitor telnet:localhost:1,server", "")]
    [InlineData("-monitor unix:@x,server=on,abstract=on", "Human @@x")]
    [InlineData("-chardev socket,id=c,path=/p,server=on,wait=off -mon chardev=c,mode=control", "Qmp /p")]
    [InlineData("-mon c -chardev socket,id=c,path=/p,server=on", "Human /p")]
    [InlineData("-chardev socket,id=c,host=::,port=99,server=on -mon c,mode=control", "Qmp localhost:99")]
    [InlineData("-chardev socket,id=charmonitor,fd=31,server=on,wait=off -mon chardev=charmonitor,id=monitor,mode=control", "Qmp fd:31")]
    [InlineData("-chardev socket,id=c,path=/p,server=on,mux=on -mon c -serial chardev:c", "")]
    [InlineData("-chardev socket,id=c,path=/p,server=on -serial chardev:c", "")]
    [InlineData("-qmp chardev:c -chardev socket,id=c,path=/p,server=on", "Qmp /p")]
    public void Finds_the_monitors(string arguments, string expected) =>
        Assert.Equal(expected, string.Join('|', Parse(arguments).Monitors.Select(m => $"{m.Kind} {m}")));

    [Fact]
    public void A_value_that_looks_like_an_option_is_not_one()
    {
        QemuCommandLine line = QemuCommandLine.Parse(["qemu", "-append", "-m", "-kernel", "-smp", "-m", "256"]);
        Assert.Equal((256 * MiB, 1), (line.MemoryBytes, line.VcpuCount));
    }

    [Fact]
    public void Reads_back_ends_in_json_and_numa_nodes_in_their_order()
    {
        QemuCommandLine line = QemuCommandLine.Parse([
            "qemu", "-m", "3G", "-object", """{"qom-type":"memory-backend-file","id":"b","mem-path":"/dev/shm/x","size":1073741824,"share":true}""",
            "-object", "memory-backend-ram,id=a,size=2G", "-numa", "node,nodeid=1,memdev=b", "-numa", "node,nodeid=0,memdev=a",
        ]);
        Assert.Equal([new RamBackend("a", 2 * GiB), new RamBackend("b", GiB, "/dev/shm/x")], line.RamBackends);
    }

    [Fact]
    public void Reads_a_configuration_file()
    {
        const string Text = """
            # made by -writeconfig
            [machine]
              type = "q35"
              accel = "kvm:tcg"
            [memory]
              size = "1024"
            [smp-opts]
              cpus = "4"
            [name]
              guest = "from file"
            [chardev "mon0"]
              backend = "socket"
              path = "/run/q"
              server = "on"
            [mon "m"]
              chardev = "mon0"
              mode = "control"
            [object "ram"]
              qom-type = "memory-backend-memfd"
              size = "1G"
            """;
        QemuCommandLine line = QemuCommandLine.Parse(["qemu", "-readconfig", "vm.cfg", "-machine", "memory-backend=ram"], path => path == "vm.cfg" ? Text : null);
        Assert.Equal(("from file", GiB, 4, "q35"), (line.Name, line.MemoryBytes, line.VcpuCount, line.MachineType));
        Assert.Equal(["kvm", "tcg"], line.Accelerators);
        Assert.Equal([new MonitorEndpoint(MonitorKind.Qmp, "/run/q")], line.Monitors);
        Assert.Equal([new RamBackend("ram", GiB)], line.RamBackends);
    }

    [Fact]
    public void Nothing_on_a_command_line_makes_it_throw()
    {
        var random = new Random(1);
        string[] words = ["-m", "-smp", "-name", "-object", "-numa", "-chardev", "-mon", "-qmp", "-machine", "-readconfig", "-", "--", ",", "=", "{", "{\"a\":[]}",
            "unix:", "tcp:", "socket,id=", "a=b,,", "size=-1", "99999999999999999999E", "1.5.5G", "0x", "\0", "id=c,fd=-3", "memory-backend-ram,id=,size="];
        for (int i = 0; i < 20_000; i++)
        {
            string[] arguments = [.. Enumerable.Range(0, random.Next(8)).Select(_ => words[random.Next(words.Length)] + (random.Next(3) == 0 ? words[random.Next(words.Length)] : ""))];
            Assert.NotNull(QemuCommandLine.Parse(arguments, path => "[" + path + "]\n" + path + " = \"" + path));
        }
    }

    private static QemuCommandLine Parse(string arguments) => QemuCommandLine.Parse(["qemu-system-x86_64", .. arguments.Split(' ')]);
}
