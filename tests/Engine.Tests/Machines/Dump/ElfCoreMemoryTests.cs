using System.Text;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.Dump;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Machines.Dump;

public sealed class ElfCoreMemoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public void Segments_of_both_classes_are_memory(bool wide, bool extended)
    {
        byte[] low = Bytes(0xA0000, 1), high = Bytes(0x4000, 2);
        ushort arch = (ushort)(wide ? 62 : 3);
        using VmiMachine machine = Open(new ElfCoreBuilder(wide, arch) { ExtendedCount = extended }.Load(0xC_0000, high).Load(0, low));
        Assert.Equal([new PhysicalRange(At(0), 0xA0000), new PhysicalRange(At(0xC_0000), 0x4000)], machine.GetMemory().Ranges);
        AssertBytes(machine, 0, low);
        AssertBytes(machine, 0xC_0000, high);
        Assert.Equal(0x10, machine.GetMemory().Read(At(0x9_FFF0), new byte[64]));
        Assert.Equal(0, machine.GetMemory().Read(At(0xA_0000), new byte[64]));
        Assert.Equal(0, machine.GetMemory().Read(At(ulong.MaxValue), new byte[64]));
        Assert.Equal(0, machine.GetMemory().Write(At(0), [1]));
        Assert.Equal((null, "none", MachineState.Dump, "core", 0xA4000UL, wide ? "x86_64" : "i386", MemoryAccess.Dump),
            (machine.ProcessId, machine.Accelerator, machine.State, machine.Name, machine.MemoryBytes, machine.Architecture, machine.MemoryAccess));
        Assert.False(machine.GetMemory().IsMapped);
    }

    [Fact]
    public void Overlapping_and_repeated_segments_are_one_memory()
    {
        // As with paging: the same physical memory mapped twice, in parts, and once more as a whole.
        byte[] memory = Bytes(0x6000, 3);
        using VmiMachine machine = Open(new ElfCoreBuilder(true)
            .Load(0x10_2000, memory[0x2000..0x5000], virtualAddress: 0xFFFF_8880_0010_2000)
            .Load(0x10_0000, memory[..0x3000], virtualAddress: 0xFFFF_FFFF_8100_0000)
            .Load(0x10_0000, memory[..0x1000], virtualAddress: 0x40_0000)
            .Load(0x10_4000, memory[0x4000..], virtualAddress: 0x7000_0000_0000)
            .Load(0x10_1000, memory[0x1000..0x2000]));
        Assert.Equal(new PhysicalRange(At(0x10_0000), 0x6000), Assert.Single(machine.GetMemory().Ranges));
        AssertBytes(machine, 0x10_0000, memory);
        for (int at = 0; at < memory.Length - 9; at += 0x7FD)
            AssertBytes(machine, 0x10_0000 + (ulong)at, memory[at..(at + 9)]);
    }

    [Fact]
    public void What_is_not_in_the_file_is_not_memory()
    {
        byte[] file = new ElfCoreBuilder(true)
            .Load(0x1000, Bytes(0x1000, 1), memoryBytes: 0x3000)      // filtered
            .Load(0x9000, [], memoryBytes: 0x1000)                    // left out
            .Load(ulong.MaxValue, Bytes(16, 1))                       // address unknown
            .Load(0xFFFF_FFFF_FFFF_F000, Bytes(0x2000, 1))            // over the top
            .Load(0xFFFF_FFFF_FFFF_F000, Bytes(0x1000, 4))            // to the top
            .Load(0x2_0000, Bytes(0x2000, 5)).Build();
        using VmiMachine machine = DumpFile.Open(_folder.File("core", file[..^0x800]));
        Assert.Equal(
            [new PhysicalRange(At(0x1000), 0x1000), new PhysicalRange(At(0x2_0000), 0x1800), new PhysicalRange(At(0xFFFF_FFFF_FFFF_F000), 0x1000)],
            machine.GetMemory().Ranges);
        Assert.Equal(0x1800, machine.GetMemory().Read(At(0x2_0000), new byte[0x2000]));
        Assert.Equal(16, machine.GetMemory().Read(At(ulong.MaxValue - 15), new byte[64]));
        AssertBytes(machine, 0xFFFF_FFFF_FFFF_F000, Bytes(0x1000, 4));
    }

    [Fact]
    public void Many_segments_are_found()
    {
        var builder = new ElfCoreBuilder(true) { ExtendedCount = true };
        for (uint i = 0; i < 20_000; i++)
            builder.Load((ulong)(i * 7919 % 20_000) * 0x2000, BitConverter.GetBytes(i * 7919 % 20_000));
        using VmiMachine machine = Open(builder);
        Assert.Equal(20_000, machine.GetMemory().Ranges.Count);
        byte[] four = new byte[4];
        for (uint i = 0; i < 20_000; i += 13)
        {
            Assert.Equal(4, machine.GetMemory().Read(At(i * 0x2000UL), four));
            Assert.Equal(i, BitConverter.ToUInt32(four));
        }
    }

    [Fact]
    public void Registers_come_from_QEMUs_note()
    {
        byte[] note = new byte[440];
        BitConverter.TryWriteBytes(note, 1);
        BitConverter.TryWriteBytes(note.AsSpan(4), 440);
        for (int i = 0; i < 18; i++)
            BitConverter.TryWriteBytes(note.AsSpan(8 + i * 8), 0x1000_0000_0000_0000UL + (ulong)i);
        for (int i = 0; i < 10; i++)
        {
            BitConverter.TryWriteBytes(note.AsSpan(152 + i * 24), 0x10 + i);
            BitConverter.TryWriteBytes(note.AsSpan(156 + i * 24), 0x70 + i);
            BitConverter.TryWriteBytes(note.AsSpan(160 + i * 24), 0x00A0_9B00);
            BitConverter.TryWriteBytes(note.AsSpan(168 + i * 24), 0xFFFF_0000_0000_0000UL + (ulong)i);
        }
        ulong[] control = [0x8005_0033, 0, 0x7FFF_1234, 0x1234_5000, 0x6F0];
        for (int i = 0; i < 5; i++)
            BitConverter.TryWriteBytes(note.AsSpan(392 + i * 8), control[i]);
        var builder = new ElfCoreBuilder(true).Load(0, Bytes(4096, 1))
            .Note("CORE", 1, new byte[336]).Note("CORE", 1, new byte[336]).Note("QEMU", 0, note).Note("QEMU", 0, note)
            .Note("VMCOREINFO", 0, Encoding.ASCII.GetBytes("OSRELEASE=6.1.0\n"));
        using VmiMachine machine = Open(builder);
        Assert.Equal(2, machine.VcpuCount);
        VcpuRegisters r = machine.SavedRegisters[1];
        Assert.Equal(("core", 1, true, 0), (r.Machine, r.Vcpu, r.Is64Bit, r.Cpl));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
            new[] { r.Rax, r.Rbx, r.Rcx, r.Rdx, r.Rsi, r.Rdi, r.Rsp, r.Rbp, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rip, r.Rflags }.Select(v => (int)v));
        Assert.Equal([0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17], new int[] { r.Cs, r.Ds, r.Es, r.Fs, r.Gs, r.Ss, r.Ldt, r.Tr });
        Assert.Equal([3, 4, 8, 9], new[] { r.FsBase, r.GsBase, r.GdtBase, r.IdtBase }.Select(v => (int)v));
        Assert.Equal((0x78, 0x79), (r.GdtLimit, r.IdtLimit));
        Assert.Equal([.. control[..1], .. control[2..]], new[] { r.Cr0, r.Cr2, r.Cr3, r.Cr4 });
        Assert.Equal(0x500UL, r.Efer);
        Assert.Equal("OSRELEASE=6.1.0\n", Encoding.ASCII.GetString(((ElfCoreMemory)machine.GetMemory()).VmCoreInfo.Span));
    }

    [Fact]
    public void Without_QEMUs_note_the_general_registers_are_there()
    {
        byte[] wide = new byte[336], narrow = new byte[144];
        BitConverter.TryWriteBytes(wide.AsSpan(112 + 16 * 8), 0xFFFF_FFFF_8100_0000);
        BitConverter.TryWriteBytes(wide.AsSpan(112 + 19 * 8), 0x7FFF_0000UL);
        BitConverter.TryWriteBytes(wide.AsSpan(112 + 17 * 8), 0x33UL);
        BitConverter.TryWriteBytes(narrow.AsSpan(72 + 48), 0xC100_0000);
        using (VmiMachine machine = Open(new ElfCoreBuilder(true).Load(0, Bytes(64, 1)).Note("CORE", 1, wide)))
        {
            VcpuRegisters r = Assert.Single(machine.SavedRegisters);
            Assert.Equal((0xFFFF_FFFF_8100_0000, 0x7FFF_0000UL, 3), (r.Rip, r.Rsp, r.Cpl));
        }
        using (VmiMachine machine = Open(new ElfCoreBuilder(false, 3).Load(0, Bytes(64, 1)).Note("CORE", 1, narrow).Note("CORE", 1, new byte[7])))
            Assert.Equal(0xC100_0000UL, Assert.Single(machine.SavedRegisters).Rip);
    }

    [Fact]
    public void Damaged_files_are_refused_with_a_reason()
    {
        byte[] good = new ElfCoreBuilder(true).Load(0x1000, Bytes(4096, 1)).Build();
        AssertRefused(good[..40], "the ELF header lies beyond");
        AssertRefused(good[..100], "program headers lie beyond");
        AssertRefused(With(good, 4, 9), "class is 9");
        AssertRefused(With(good, 5, 7), "byte order is 7");
        AssertRefused(With(good, 16, 2), "of type 2");
        AssertRefused(With(good, 54, 57), "have 57 bytes");
        AssertRefused(With(good, 56, 0), "no program headers");
        AssertRefused(With(With(good, 56, 0xFF), 57, 0xFF), "number of segments is missing");
        AssertRefused(new ElfCoreBuilder(true).Build(), "it holds no memory");
        AssertRefused(new ElfCoreBuilder(true).Load(0, Bytes(64, 1), virtualAddress: 0x400000).Load(0, Bytes(64, 1), virtualAddress: 0x500000).Build(), "core of a process");
        VmiException e = Assert.Throws<VmiException>(() => DumpFile.Open(_folder.File("core", With(good, 5, 2))));
        Assert.Equal(VmiErrorCode.NotSupported, e.Code);
    }

    [Fact]
    public void The_number_of_segments_is_bounded()
    {
        var builder = new ElfCoreBuilder(true);
        for (uint i = 0; i < 20; i++)
            builder.Load(i * 0x1000, Bytes(16, 1));
        string path = _folder.File("core", builder.Build());
        VmiException e = Assert.Throws<VmiException>(() => DumpFile.Open(path, VmiLimits.Default with { MaxDumpSegments = 20 }));
        Assert.Equal(VmiErrorCode.LimitExceeded, e.Code);
        using VmiMachine machine = DumpFile.Open(path, VmiLimits.Default with { MaxDumpSegments = 21 });
        Assert.Equal(20, machine.GetMemory().Ranges.Count);
    }

    [Fact]
    public void After_disposal_the_machine_is_lost_and_a_cut_file_reads_short()
    {
        string path = _folder.File("core", new ElfCoreBuilder(true).Load(0x1000, Bytes(8192, 1)).Build());
        VmiMachine machine = DumpFile.Open(path);
        IGuestMemory memory = machine.GetMemory();
        using (FileStream file = File.OpenWrite(path))
            file.SetLength(file.Length - 4096);
        Assert.Equal(4096, memory.Read(At(0x1000), new byte[8192]));
        machine.Dispose();
        Assert.Equal(VmiErrorCode.MachineLost, Assert.Throws<VmiException>(() => memory.Read(At(0x1000), new byte[1])).Code);
    }

    private void AssertRefused(byte[] file, string reason)
    {
        VmiException e = Assert.Throws<VmiException>(() => DumpFile.Open(_folder.File("core", file)));
        Assert.Equal(VmiErrorCode.DumpInvalid, e.Code);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    private VmiMachine Open(ElfCoreBuilder builder) => DumpFile.Open(_folder.File("core", builder.Build()));

    private static void AssertBytes(VmiMachine machine, ulong address, byte[] expected)
    {
        byte[] bytes = new byte[expected.Length];
        Assert.Equal(bytes.Length, machine.GetMemory().Read(At(address), bytes));
        Assert.Equal(expected, bytes);
    }

    private static byte[] With(byte[] file, int at, byte value)
    {
        byte[] copy = [.. file];
        copy[at] = value;
        return copy;
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static GuestPhysicalAddress At(ulong value) => new(value);
}
