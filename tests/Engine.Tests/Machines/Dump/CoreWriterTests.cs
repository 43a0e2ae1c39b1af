using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.Dump;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Machines.Dump;

public sealed class CoreWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_saved_reads_back_with_registers_and_all(bool longMode)
    {
        byte[] low = Bytes(0x9FC00, 1), high = Bytes(0x30_0000, 2);
        high.AsSpan(0x10_0000, 0x8_0000).Clear();
        VcpuRegisters[] registers = [Registers(0, longMode), Registers(1, longMode)];
        VmiMachine live = Machine(new HoledMemory([(0, low), (0x1_0000_0000, high)]));
        var progress = new Progress();
        SaveResult result = CoreWriter.Write(live, _folder.File("saved"), registers, progress, TestContext.Current.CancellationToken);

        Assert.Equal(new SaveResult((ulong)new FileInfo(_folder.File("saved")).Length, 0), result);
        Assert.Equal(["saved"], Directory.GetFileSystemEntries(_folder.FullName).Select(Path.GetFileName));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.File("saved")));
        Assert.Equal(progress.Values.Order(), progress.Values);
        Assert.Equal(1.0, progress.Values[^1]);

        using VmiMachine back = DumpFile.Open(_folder.File("saved"));
        Assert.Equal(live.GetMemory().Ranges, back.GetMemory().Ranges);
        AssertBytes(back, 0, low);
        AssertBytes(back, 0x1_0000_0000, high);
        Assert.Equal((longMode ? "x86_64" : "i386", 2), (back.Architecture, back.VcpuCount));
        Assert.Equal(registers.Select(r => r with { Machine = "saved" }), back.SavedRegisters);
    }

    [Fact]
    public void The_general_registers_stand_in_the_standard_note_too()
    {
        foreach (bool longMode in new[] { true, false })
        {
            VcpuRegisters wanted = Registers(3, longMode);
            byte[] note = new byte[longMode ? PrStatus.Bytes64 : PrStatus.Bytes32];
            PrStatus.Write(note, wanted, longMode);
            VcpuRegisters got = PrStatus.Parse(note)!;
            Assert.Equal((wanted.Rip, wanted.Rsp, wanted.Rax, wanted.Rdi, wanted.Rflags, wanted.Cs, wanted.Gs, wanted.Ss, wanted.Cpl),
                (got.Rip, got.Rsp, got.Rax, got.Rdi, got.Rflags, got.Cs, got.Gs, got.Ss, got.Cpl));
            Assert.Equal(4, BitConverter.ToInt32(note, longMode ? 32 : 24));
        }
    }

    [Fact]
    public void Unreadable_pages_are_zeros_and_counted()
    {
        byte[] bytes = Bytes(0x20_0800, 1);
        VmiMachine live = Machine(new HoledMemory([(0x1000, bytes)], 0x3000, 0x4000, 0x10_0000, 0x20_1000));
        Assert.Equal(3 * 4096UL + 0x800, CoreWriter.Write(live, _folder.File("saved"), cancellation: TestContext.Current.CancellationToken).UnreadableBytes);
        foreach (int hole in new[] { 0x2000, 0x3000, 0xF_F000, 0x20_0000 })
            bytes.AsSpan(hole, Math.Min(4096, bytes.Length - hole)).Clear();
        using VmiMachine back = DumpFile.Open(_folder.File("saved"));
        AssertBytes(back, 0x1000, bytes);
    }

    [Fact]
    public void Zeros_take_no_room_on_the_disk()
    {
        byte[] bytes = new byte[64 << 20];
        bytes[40_000_000] = 1;
        CoreWriter.Write(Machine(new HoledMemory([(0, bytes)])), _folder.File("saved"), cancellation: TestContext.Current.CancellationToken);
        using Process du = Process.Start(new ProcessStartInfo("du", ["-k", _folder.File("saved")]) { RedirectStandardOutput = true })!;
        int kib = int.Parse(du.StandardOutput.ReadToEnd().Split('\t')[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(kib, 4, 1024);
        using VmiMachine back = DumpFile.Open(_folder.File("saved"));
        AssertBytes(back, 0, bytes);
    }

    [Fact]
    public void More_runs_than_16_bits_count_are_written_and_read()
    {
        byte[] one = [7];
        VmiMachine live = Machine(new ManyRuns(65_534));
        CoreWriter.Write(live, _folder.File("saved"), cancellation: TestContext.Current.CancellationToken);
        using VmiMachine back = DumpFile.Open(_folder.File("saved"));
        Assert.Equal(65_534, back.GetMemory().Ranges.Count);
        AssertBytes(back, 65_533UL * 8192, one);
        Assert.Equal(VmiErrorCode.LimitExceeded, Assert.Throws<VmiException>(() => DumpFile.Open(_folder.File("saved"), VmiLimits.Default with { MaxDumpSegments = 65_534 })).Code);
    }

    [Fact]
    public void A_cancelled_save_leaves_what_stood_there()
    {
        string path = _folder.File("saved", [1, 2, 3]);
        using var cancel = new CancellationTokenSource();
        var memory = new HoledMemory([(0, Bytes(8 << 20, 1))]) { Before = at => { if (at >= 4 << 20) cancel.Cancel(); } };
        Assert.Throws<OperationCanceledException>(() => CoreWriter.Write(Machine(memory), path, cancellation: cancel.Token));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.FullName));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
    }

    [Fact]
    public void A_machine_lost_on_the_way_leaves_nothing()
    {
        var memory = new HoledMemory([(0, Bytes(8 << 20, 1))]) { Before = at => { if (at >= 4 << 20) throw new VmiException(VmiErrorCode.MachineLost, "gone"); } };
        VmiException e = Assert.Throws<VmiException>(() => CoreWriter.Write(Machine(memory), _folder.File("saved"), cancellation: TestContext.Current.CancellationToken));
        Assert.Equal(VmiErrorCode.MachineLost, e.Code);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.FullName));
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_a_file_failure()
    {
        Assert.Equal(VmiErrorCode.FileFailure, Failure(new ManyRuns(1), _folder.File("no/such/folder/saved")));
        Directory.CreateDirectory(_folder.File("folder"));
        Assert.Equal(VmiErrorCode.FileFailure, Failure(new ManyRuns(1), _folder.File("folder")));
        // More than any file system takes: what a full disk answers, at the first step.
        Assert.Equal(VmiErrorCode.FileFailure, Failure(new ManyRuns(1, ulong.MaxValue / 2 - 0x10_0000), _folder.File("huge")));
        Assert.Equal(["folder"], Directory.GetFileSystemEntries(_folder.FullName).Select(Path.GetFileName));

        VmiErrorCode Failure(IGuestMemory memory, string path) =>
            Assert.Throws<VmiException>(() => CoreWriter.Write(Machine(memory), path, cancellation: TestContext.Current.CancellationToken)).Code;
    }

    internal static void AssertBytes(VmiMachine machine, ulong address, byte[] expected)
    {
        byte[] bytes = new byte[expected.Length];
        Assert.Equal(bytes.Length, machine.GetMemory().Read(new GuestPhysicalAddress(address), bytes));
        Assert.True(expected.AsSpan().SequenceEqual(bytes));
    }

    private static VmiMachine Machine(IGuestMemory memory) => new("live", _ => memory, _ => null) { Architecture = "x86_64" };

    private static VcpuRegisters Registers(int vcpu, bool longMode)
    {
        var random = new Random(vcpu);
        ulong high = longMode ? ulong.MaxValue : uint.MaxValue;
        ulong Next() => (ulong)random.NextInt64() & high;
        ushort Selector() => (ushort)random.Next(1 << 16);
        ushort cs = (ushort)(Selector() & ~3 | 3);
        return new VcpuRegisters
        {
            Machine = "live", Vcpu = vcpu, Is64Bit = longMode, Cpl = 3,
            Rax = Next(), Rbx = Next(), Rcx = Next(), Rdx = Next(), Rsi = Next(), Rdi = Next(), Rbp = Next(), Rsp = Next(),
            R8 = Next(), R9 = Next(), R10 = Next(), R11 = Next(), R12 = Next(), R13 = Next(), R14 = Next(), R15 = Next(),
            Rip = Next(), Rflags = Next(), Cs = cs, Ss = Selector(), Ds = Selector(), Es = Selector(), Fs = Selector(), Gs = Selector(),
            FsBase = Next(), GsBase = Next(), Ldt = Selector(), Tr = Selector(), GdtBase = Next(), GdtLimit = Selector(),
            IdtBase = Next(), IdtLimit = Selector(), Cr0 = 0x8005_0033, Cr2 = Next(), Cr3 = Next(), Cr4 = 0x6F0, Efer = longMode ? 0x500UL : 0,
        };
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private sealed class Progress : IProgress<double>
    {
        public List<double> Values { get; } = [];

        public void Report(double value) => Values.Add(value);
    }

    /// <summary>Runs with gaps between them, each full of sevens.</summary>
    private sealed class ManyRuns(int count, ulong length = 1) : IGuestMemory
    {
        public IReadOnlyList<PhysicalRange> Ranges { get; } =
            [.. Enumerable.Range(0, count).Select(i => new PhysicalRange(new GuestPhysicalAddress((ulong)i * 8192), length))];

        public MemoryAccess Access => MemoryAccess.ProcessVm;

        public int Read(GuestPhysicalAddress address, Span<byte> buffer)
        {
            buffer.Fill(7);
            return buffer.Length;
        }
    }
}
