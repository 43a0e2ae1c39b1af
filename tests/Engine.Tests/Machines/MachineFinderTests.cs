using System.Diagnostics;
using System.Globalization;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.Processes;

namespace VmiPl.Tests.Machines;

public sealed class MachineFinderTests
{
    [Fact]
    public void A_machine_is_found_with_what_its_command_line_tells()
    {
        using var qemu = new IdleQemu($"-name guest=web01,debug-threads=on -M q35 -m 96M -smp 3 {IdleQemu.Qmp}");
        using VmiMachine machine = FindOne(qemu.Process.Id)!;
        Assert.Equal(("web01", 3, 96UL << 20, "x86_64", "tcg"), (machine.Name, machine.VcpuCount, machine.MemoryBytes, machine.Architecture, machine.Accelerator));
        Assert.Equal(qemu.QmpPath, machine.Monitor);
        Assert.Equal(MachineState.Paused, machine.State);
    }

    [Fact]
    public void A_renamed_program_is_found_and_its_architecture_known()
    {
        string copy = Path.Combine(Path.GetTempPath(), "vmipl-renamed-" + Environment.ProcessId);
        if (!File.Exists(IdleQemu.Program))
            Assert.Skip($"needs {IdleQemu.Program}");
        File.Copy(IdleQemu.Program, copy, overwrite: true);
        try
        {
            using var qemu = new IdleQemu($"-L /usr/share/qemu -L /usr/share/seabios -m 64M -monitor unix:m,server=on,wait=off {IdleQemu.Ready}", copy);
            using VmiMachine machine = FindOne(qemu.Process.Id)!;
            Assert.Equal(("x86_64", "qemu-" + qemu.Process.Id), (machine.Architecture, machine.Name));
            // A relative path, and the human monitor: registers of the reset state.
            VcpuRegisters registers = Assert.Single(RegisterReader.Read(machine));
            Assert.Equal((0xfff0UL, 0xf000), (registers.Rip, registers.Cs));
            Assert.Equal(VmiPl.Memory.MemoryAccess.ProcessVm, machine.MemoryAccess);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    [Fact]
    public void What_only_looks_like_one_is_not_listed()
    {
        string folder = Directory.CreateTempSubdirectory("vmipl-").FullName;
        string fake = Path.Combine(folder, "qemu-system-x86_64");
        File.Copy("/bin/sleep", fake);
        using Process sleeper = Process.Start(fake, ["300"]), shell = Process.Start("/bin/sh", ["-c", "sleep 300; : qemu-system-x86_64 -m 64 -smp 2"]);
        try
        {
            Assert.Null(FindOne(sleeper.Id));
            Assert.Null(FindOne(shell.Id));
            Assert.Equal(VmiErrorCode.MachineNotFound, Assert.Throws<VmiException>(() => MachineConnector.OpenProcess(sleeper.Id, VmiLimits.Default)).Code);
        }
        finally
        {
            sleeper.Kill();
            shell.Kill(entireProcessTree: true);
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("timeout 5 qemu-system-x86_64 -m 64 -smp 2 -nodefaults", "timeout", false)]
    [InlineData("sh -c qemu-system-x86_64", "sh", false)]
    [InlineData("/usr/bin/qemu-system-x86_64 -m 64", "qemu-system-x86", true)]
    [InlineData("/opt/vm/run -m 64 -smp 2 -nodefaults", "run", true)]
    [InlineData("python3 -m http.server", "python3", false)]
    [InlineData("ssh -M -S x host", "ssh", false)]
    [InlineData("/usr/bin/swtpm socket --tpm2 --ctrl type=unixio", "swtpm", false)]
    public void What_may_not_be_looked_into_is_judged_by_what_everybody_sees(string arguments, string comm, bool expected) =>
        Assert.Equal(expected, QemuLooks.IsLikely(arguments.Split(' '), comm));

    [Fact]
    public void A_monitor_socket_leads_to_its_process()
    {
        using var qemu = new IdleQemu($"-name web02 -m 64M {IdleQemu.Qmp}");
        using VmiMachine machine = MachineConnector.OpenMonitor(qemu.QmpPath, VmiLimits.Default);
        Assert.Equal(("web02", (int?)qemu.Process.Id), (machine.Name, machine.ProcessId));
        Assert.Equal(VmiPl.Memory.MemoryAccess.ProcessVm, machine.MemoryAccess);
        machine.GetMonitor().Resume();
        Assert.Equal(MachineState.Running, machine.QueryState());
        machine.GetMonitor().Suspend();
        Assert.Equal(MachineState.Paused, machine.QueryState());
    }

    [Fact]
    public void A_human_monitors_socket_is_told_from_qmp()
    {
        using var qemu = new IdleQemu($"-name web03 -m 64M -smp 2 -monitor unix:DIR/m,server=on,wait=off {IdleQemu.Ready}");
        using VmiMachine machine = MachineConnector.OpenMonitor(Path.Combine(qemu.Folder, "m"), VmiLimits.Default);
        Assert.Equal(MachineState.Paused, machine.QueryState());
        Assert.Equal(2, RegisterReader.Read(machine).Count);
        Assert.Contains("unknown command", machine.GetMonitor().HumanCommand("nonsense"), StringComparison.Ordinal);
        Assert.Equal("web03", machine.GetMonitor().HumanCommand("info name").Trim());
    }

    [Fact]
    public void A_machine_without_monitor_has_memory_and_says_so()
    {
        using var qemu = new IdleQemu($"-m 64M -monitor none {IdleQemu.Ready}");
        using VmiMachine machine = FindOne(qemu.Process.Id)!;
        Assert.Null(machine.Monitor);
        Assert.Equal(MachineState.Unknown, machine.State);
        Assert.Equal(VmiPl.Memory.MemoryAccess.ProcessVm, machine.MemoryAccess);
        Assert.Equal(VmiErrorCode.MonitorUnavailable, Assert.Throws<VmiException>(() => machine.GetMonitor()).Code);
    }

    [Fact]
    public void What_is_not_there_is_not_found()
    {
        Assert.Equal(VmiErrorCode.MachineNotFound, Assert.Throws<VmiException>(() => MachineConnector.OpenProcess(int.MaxValue, VmiLimits.Default)).Code);
        Assert.Equal(VmiErrorCode.MachineNotFound, Assert.Throws<VmiException>(() => MachineConnector.OpenMonitor("/nonexistent", VmiLimits.Default)).Code);
    }

    private static VmiMachine? FindOne(int id)
    {
        VmiMachine? found = null;
        foreach (VmiMachine machine in MachineFinder.Find(VmiLimits.Default, _ => { }))
        {
            if (machine.ProcessId == id)
                found = machine;
            else
                machine.Dispose();
        }
        return found;
    }
}
