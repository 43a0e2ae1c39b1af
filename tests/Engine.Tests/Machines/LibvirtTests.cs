using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Memory;

namespace VmiPl.Tests.Machines;

/// <summary>A real guest of a real libvirt: a session daemon of its own, in a folder of its own. As root it runs as nobody,
/// because root has no session. Needs Debian's libvirt-daemon, libvirt-daemon-driver-qemu and libvirt-clients.</summary>
public sealed class LibvirtTests
{
    private const string Daemon = "/usr/sbin/libvirtd", Nobody = "65534";
    private const string Domain = """
        <domain type='qemu'><name>vmipl test</name><memory unit='MiB'>64</memory><vcpu>2</vcpu>
        <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>
        """;

    [Fact]
    public void A_guest_of_libvirt_is_reached_through_virsh()
    {
        if (!File.Exists(Daemon) || !File.Exists("/usr/bin/virsh") || !File.Exists(IdleQemu.Program))
            Assert.Skip("needs libvirt-daemon, libvirt-daemon-driver-qemu, libvirt-clients and qemu-system-x86");
        string folder = Directory.CreateTempSubdirectory("vmipl-").FullName;
        using Process daemon = Start(folder);
        string? before = Environment.GetEnvironmentVariable("LIBVIRT_DEFAULT_URI");
        int? guest = null;
        try
        {
            string socket = Path.Combine(folder, "libvirt", "libvirt-sock"), definition = Path.Combine(folder, "domain.xml");
            IdleQemu.Await(() => File.Exists(socket));
            Environment.SetEnvironmentVariable("LIBVIRT_DEFAULT_URI", $"qemu+unix:///session?socket={socket}");
            File.WriteAllText(definition, Domain);
            Virsh("create", "--paused", definition);

            using VmiMachine machine = MachineConnector.OpenLibvirt("vmipl test", new VmiLimits { MonitorTimeout = TimeSpan.FromSeconds(30) });
            guest = machine.ProcessId;
            Assert.Equal(("vmipl test", "virsh vmipl test", 2), (machine.Name, machine.Monitor, machine.VcpuCount));
            Assert.Equal(MachineState.Paused, machine.QueryState());
            machine.GetMonitor().Resume();
            Assert.Equal(MachineState.Running, machine.QueryState());
            machine.GetMonitor().Suspend();
            Assert.Equal(MachineState.Paused, machine.QueryState());
            Assert.Equal(2, RegisterReader.Read(machine).Count);
            Assert.NotEqual(MemoryAccess.None, machine.MemoryAccess);

            // By its process alone: its monitor was handed to it as a file number, and its path says whose it is.
            using VmiMachine same = MachineConnector.OpenProcess(machine.ProcessId!.Value, VmiLimits.Default);
            Assert.Equal("virsh vmipl test", same.Monitor);
            Assert.Equal(MachineState.Paused, same.QueryState());

            VmiException e = Assert.Throws<VmiException>(() => MachineConnector.OpenLibvirt("no such guest", VmiLimits.Default));
            Assert.Equal(VmiErrorCode.MachineNotFound, e.Code);
            Virsh("destroy", "--domain", "vmipl test");
            IdleQemu.Await(() => machine.State == MachineState.Lost);
            guest = null;
        }
        finally
        {
            daemon.Kill(entireProcessTree: true);
            daemon.WaitForExit();
            if (guest is { } left)
                Process.GetProcessById(left).Kill();
            Environment.SetEnvironmentVariable("LIBVIRT_DEFAULT_URI", before);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Process Start(string folder)
    {
        bool isRoot = Environment.UserName == "root";
        string[] drop = isRoot ? ["setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups"] : [];
        if (isRoot)
            Process.Start("chown", [Nobody, folder]).WaitForExit();
        string[] command = [.. drop, Daemon];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string variable in new[] { "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME" })
            start.Environment[variable] = folder;
        Process process = Process.Start(start)!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        return process;
    }

    private static void Virsh(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("virsh", arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string problem = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, problem);
    }
}
