using System.Buffers.Binary;
using System.Globalization;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.ProcessMemory;
using VmiPl.Machines.Processes;
using VmiPl.Memory;

namespace VmiPl.Tests.Machines;

/// <summary>Memory of real QEMUs, against what QEMU's own monitor says is there.</summary>
public sealed class MachineMemoryTests
{
    private const string Private = "", Memfd = " -object memory-backend-memfd,id=r,share=on,size=", TmpFile = " -object memory-backend-file,id=r,share=on,mem-path=/dev/shm,size=";
    private static readonly ulong[] Places = [0x1000, 0x9F000, 0x100000, 0x3000000];
    private static readonly ulong[] HighPlaces = [0x7FFF0000, 0x100000000, 0x140000000, 0x1BFFF0000];

    [Theory]
    [InlineData("pc", "64M", Private, MemoryAccess.ProcessVm)]
    [InlineData("q35", "64M", Memfd, MemoryAccess.SharedMapping)]
    [InlineData("pc", "6G", Memfd, MemoryAccess.SharedMapping)]
    [InlineData("q35", "6G", Private, MemoryAccess.ProcessVm)]
    [InlineData("pc", "6G", Private, MemoryAccess.ProcessVm)]
    [InlineData("q35", "6G", TmpFile, MemoryAccess.SharedMapping)]
    public void What_is_written_is_what_the_monitor_shows_with_and_without_asking_it(string type, string size, string backend, MemoryAccess expected)
    {
        string ram = backend.Length > 0 ? $"-M {type},memory-backend=r{backend}{size}" : $"-M {type}";
        using var qemu = new IdleQemu($"{ram} -m {size} {IdleQemu.Qmp}");
        using VmiMachine machine = qemu.Open();
        IGuestMemory memory = machine.GetMemory();
        Assert.Equal(expected, memory.Access);

        // The same machine as if it had no monitor: the map comes from the process alone.
        QemuCommandLine line = QemuCommandLine.Parse(ProcFs.Arguments(qemu.Process.Id));
        using ProcessIdentity process = ProcessIdentity.Open(qemu.Process.Id);
        IGuestMemory guessed = new MemoryOpener(process, line, () => null).Open("m");
        Assert.Equal(memory.Ranges, guessed.Ranges);
        Assert.Equal(expected, guessed.Access);

        byte[] bytes = new byte[24], back = new byte[24];
        ulong last = memory.Ranges[^1].End.Value;
        foreach (ulong place in Places.Concat(HighPlaces).Where(p => memory.Ranges.Any(r => r.Contains(new GuestPhysicalAddress(p)))).Append(last - 24))
        {
            var at = new GuestPhysicalAddress(place);
            new Random((int)place).NextBytes(bytes);
            Assert.Equal(24, memory.Write(at, bytes));
            Assert.Equal(24, memory.Read(at, back));
            Assert.Equal(bytes, back);
            string shown = machine.GetMonitor().HumanCommand(string.Create(CultureInfo.InvariantCulture, $"xp /1xg 0x{place:x}"));
            Assert.Contains(BinaryPrimitives.ReadUInt64LittleEndian(bytes).ToString("x16", CultureInfo.InvariantCulture), shown, StringComparison.Ordinal);
            back.AsSpan().Clear();
            Assert.Equal(24, guessed.Read(at, back));
            Assert.Equal(bytes, back);
        }
        Assert.Equal(8, memory.Read(new GuestPhysicalAddress(last - 8), back));
        Assert.Equal(0, memory.Read(new GuestPhysicalAddress(last), back));
        Assert.Equal(16, memory.Read(new GuestPhysicalAddress(0xA0000 - 16), back));
    }

    [Theory]
    [InlineData(Memfd)]
    [InlineData(TmpFile)]
    public void A_sweep_over_shared_memory_does_not_make_the_host_allocate_what_the_guest_never_touched(string backend)
    {
        using var qemu = new IdleQemu($"-M pc,memory-backend=r{backend}2G -m 2G {IdleQemu.Qmp}");
        using VmiMachine machine = qemu.Open();
        IGuestMemory memory = machine.GetMemory();
        var place = new GuestPhysicalAddress(0x4000_0000);
        Assert.Equal(1, memory.Write(place, [42]));

        long seen = 0;
        bool found = false;
        PhysicalSweep.Run(memory, (start, bytes) =>
        {
            seen += bytes.Length;
            found |= place.Value - start.Value < (ulong)bytes.Length && bytes[(int)(place.Value - start.Value)] == 42;
        });
        Assert.True(found);
        Assert.InRange(seen, 1, 256L << 20);
    }

    [Fact]
    public void All_ways_give_the_same_bytes_one_by_one_and_in_batches()
    {
        using var qemu = new IdleQemu($"-M pc,memory-backend=r{Memfd}64M -m 64M {IdleQemu.Qmp}");
        using VmiMachine machine = qemu.Open();
        IMachineMonitor monitor = machine.GetMonitor();
        RamMap map = MemoryTree.Read(monitor.HumanCommand, withHost: true);
        using ProcessIdentity process = ProcessIdentity.Open(qemu.Process.Id);
        using ProcMemMemory file = ProcMemMemory.TryOpen(process, map, out _)!;
        IGuestMemory shared = machine.GetMemory();
        Assert.True(((SharedRamMemory)shared).IsMapped);

        byte[] truth = new byte[3 * 4096];
        new Random(5).NextBytes(truth);
        Assert.Equal(truth.Length, file.Write(new GuestPhysicalAddress(0x200010), truth));
        foreach (IGuestMemory memory in new[] { shared, new ProcessVmMemory(process, map), file, new MonitorMemory(monitor.HumanCommand, map) })
        {
            byte[] back = new byte[truth.Length];
            Assert.Equal(truth.Length, memory.Read(new GuestPhysicalAddress(0x200010), back));
            Assert.Equal(truth, back);

            // Whole pieces, one over a hole's edge, one in the hole, one after it.
            MemoryRequest[] requests = [
                new(new GuestPhysicalAddress(0x200010), 0, 100), new(new GuestPhysicalAddress(0x9FFF0), 100, 50),
                new(new GuestPhysicalAddress(0xA0000), 150, 50), new(new GuestPhysicalAddress(0x200110), 200, 100),
            ];
            memory.ReadBatch(requests, back);
            Assert.Equal([100, 16, 0, 100], requests.Select(r => r.Done));
            Assert.Equal(truth[..100], back[..100]);
            Assert.Equal(truth[0x100..0x164], back[200..300]);
        }
        Assert.True(shared.TryGetSpan(new GuestPhysicalAddress(0x200010), 4096, out ReadOnlySpan<byte> view));
        Assert.True(view.SequenceEqual(truth.AsSpan(0, 4096)));
        Assert.False(shared.TryGetSpan(new GuestPhysicalAddress(0x9FFF0), 32, out _));
    }

    [Fact]
    public void Batches_larger_than_one_call_are_read_whole()
    {
        using var qemu = new IdleQemu($"-M pc -m 64M {IdleQemu.Qmp}");
        using VmiMachine machine = qemu.Open();
        IGuestMemory memory = machine.GetMemory();
        byte[] truth = new byte[1000 * 8], back = new byte[1000 * 8];
        new Random(6).NextBytes(truth);
        memory.Write(new GuestPhysicalAddress(0x400000), truth);
        MemoryRequest[] requests = [.. Enumerable.Range(0, 1000).Select(i => new MemoryRequest(new GuestPhysicalAddress(0x400000 + (ulong)i * 8), i * 8, 8))];
        memory.ReadBatch(requests, back);
        Assert.Equal(truth, back);
        Assert.All(requests, r => Assert.Equal(8, r.Done));
    }

    [Fact]
    public void A_file_that_is_cut_short_under_us_costs_bytes_and_not_the_process()
    {
        using var qemu = new IdleQemu($"-M pc,memory-backend=r -object memory-backend-file,id=r,share=on,mem-path=DIR/ram,size=64M -m 64M {IdleQemu.Qmp}");
        using VmiMachine machine = qemu.Open();
        var memory = (SharedRamMemory)machine.GetMemory();
        Assert.False(memory.IsMapped);
        var at = new GuestPhysicalAddress(0x3000000);
        byte[] back = new byte[64];
        Assert.Equal(64, memory.Read(at, back));
        using (FileStream file = File.OpenWrite(Path.Combine(qemu.Folder, "ram")))
            file.SetLength(1 << 20);
        Assert.Equal(0, memory.Read(at, back));
        Assert.False(memory.TryGetSpan(at, 64, out _));
    }

    [Theory]
    [InlineData("-M pc")]
    [InlineData("-M pc,memory-backend=r" + Memfd + "64M")]
    public void A_qemu_that_dies_in_the_middle_of_reading_is_a_lost_machine(string ram)
    {
        using var qemu = new IdleQemu($"{ram} -m 64M {IdleQemu.Qmp}");
        using VmiMachine machine = qemu.Open();
        IGuestMemory memory = machine.GetMemory();
        byte[] back = new byte[4096];
        Assert.Equal(4096, memory.Read(new GuestPhysicalAddress(0x100000), back));
        qemu.Process.Kill();
        VmiException e = Assert.Throws<VmiException>(() =>
        {
            for (long end = Environment.TickCount64 + 30_000; Environment.TickCount64 < end;)
                memory.Read(new GuestPhysicalAddress(0x100000), back);
        });
        Assert.Equal(VmiErrorCode.MachineLost, e.Code);
        Assert.Equal(MachineState.Lost, machine.State);
        Assert.Equal(VmiErrorCode.MachineLost, Assert.Throws<VmiException>(() => machine.GetMonitor().HumanCommand("info status")).Code);
    }

    [Fact]
    public void A_busy_monitor_does_not_keep_us_from_memory()
    {
        using var qemu = new IdleQemu($"-M pc -m 64M {IdleQemu.Qmp}");
        using var holder = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        holder.Connect(new System.Net.Sockets.UnixDomainSocketEndPoint(qemu.QmpPath));
        Assert.True(holder.Receive(new byte[16]) > 0);
        using VmiMachine machine = MachineConnector.OpenProcess(qemu.Process.Id, new VmiLimits { MonitorTimeout = TimeSpan.FromSeconds(1) });
        Assert.Equal(VmiErrorCode.MonitorBusy, Assert.Throws<VmiException>(() => machine.GetMonitor()).Code);
        Assert.Equal(MemoryAccess.ProcessVm, machine.MemoryAccess);
        holder.Dispose();
        // QEMU takes a moment to notice; State never throws.
        Assert.True(SpinWait.SpinUntil(() => machine.State == MachineState.Paused, TimeSpan.FromSeconds(60)));
    }
}
