using System.Diagnostics;
using System.Text;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.Dump;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Machines.Dump;

public sealed class DumpFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lime_ranges_are_memory()
    {
        byte[] low = Bytes(0x1000, 1), high = Bytes(0x2345, 2);
        string path = _folder.File("a.lime", LimeBuilder.Build((0x1000, 0x1FFF, low), (0x1_0000_0000, 0x1_0000_2344, high)));
        using VmiMachine machine = DumpFile.Open(path);
        Assert.IsType<LimeMemory>(machine.GetMemory());
        Assert.Equal(("a.lime", 0x3345UL, 0, ""), (machine.Name, machine.MemoryBytes, machine.VcpuCount, machine.Architecture));
        Assert.Equal([new PhysicalRange(new(0x1000), 0x1000), new PhysicalRange(new(0x1_0000_0000), 0x2345)], machine.GetMemory().Ranges);
        byte[] buffer = new byte[0x3000];
        Assert.Equal(0x2345 - 1, machine.GetMemory().Read(new(0x1_0000_0001), buffer));
        Assert.Equal(high[1..], buffer[..0x2344]);
    }

    [Fact]
    public void A_lime_dump_cut_short_is_taken_as_far_as_it_goes()
    {
        byte[] file = LimeBuilder.Build((0, 0xFFF, Bytes(0x1000, 1)), (0x8000, 0xFFFF_FFFF, Bytes(0x800, 2)));
        using VmiMachine machine = DumpFile.Open(_folder.File("cut", file));
        Assert.Equal(0x1800UL, machine.MemoryBytes);
    }

    [Theory]
    [InlineData(0x2000, 0x1FFF, VmiErrorCode.DumpInvalid)]
    [InlineData(0, ulong.MaxValue, VmiErrorCode.DumpInvalid)]
    public void A_lime_range_that_cannot_be_is_refused(ulong first, ulong last, VmiErrorCode code) =>
        Assert.Equal(code, Refusal(LimeBuilder.Build((first, last, Bytes(64, 1)))).Code);

    [Fact]
    public void Lime_headers_are_checked_and_bounded()
    {
        byte[] file = LimeBuilder.Build((0, 15, Bytes(16, 1)), (32, 47, Bytes(16, 1)));
        file[48] ^= 1;
        Assert.Contains("no LiME header at byte 48", Refusal(file).Message, StringComparison.Ordinal);
        Assert.Equal(VmiErrorCode.DumpInvalid, Refusal(LimeBuilder.Build((0, 15, Bytes(20, 1)))).Code);
        file = LimeBuilder.Build((0, 15, Bytes(16, 1)));
        file[4] = 2;
        Assert.Equal(VmiErrorCode.NotSupported, Refusal(file).Code);
        file = LimeBuilder.Build([.. Enumerable.Range(0, 9).Select(i => ((ulong)i * 64, (ulong)i * 64 + 15, Bytes(16, i)))]);
        string path = _folder.File("many", file);
        Assert.Equal(VmiErrorCode.LimitExceeded, Assert.Throws<VmiException>(() => DumpFile.Open(path, VmiLimits.Default with { MaxDumpSegments = 8 })).Code);
    }

    [Fact]
    public void Raw_is_linear_from_0_and_sparse_files_beyond_4_GiB_are_read()
    {
        string path = _folder.File("raw");
        using (FileStream file = File.Create(path))
        {
            file.SetLength(6L << 30);
            file.Position = (5L << 30) + 123;
            file.Write("hier"u8);
        }
        using VmiMachine machine = DumpFile.Open(path);
        Assert.IsType<RawMemory>(machine.GetMemory());
        Assert.Equal(6UL << 30, machine.MemoryBytes);
        byte[] four = new byte[4];
        Assert.Equal(4, machine.GetMemory().Read(new((5UL << 30) + 123), four));
        Assert.Equal("hier", Encoding.ASCII.GetString(four));
        Assert.Equal(2, machine.GetMemory().Read(new((6UL << 30) - 2), four));
    }

    [Fact]
    public void Raw_of_an_odd_size_must_be_asked_for()
    {
        Assert.Equal(VmiErrorCode.DumpInvalid, Refusal(Bytes(5000, 1)).Code);
        Assert.Equal(VmiErrorCode.DumpInvalid, Refusal([]).Code);
        using VmiMachine machine = DumpFile.Open(_folder.File("odd", Bytes(5000, 1)), format: DumpFormat.Raw);
        Assert.Equal(5000UL, machine.MemoryBytes);
    }

    [Theory]
    [InlineData("KDUMP   ", "kdump-compressed")]
    [InlineData("makedumpfile\0\0\0\0", "flattened")]
    [InlineData("QEVM\0\0\0\u0003", "migration stream")]
    [InlineData("LibvirtQemudSave", "libvirt save file")]
    [InlineData("PAGEDU64", "Windows crash dump")]
    public void Dumps_of_other_kinds_are_named(string mark, string format)
    {
        byte[] file = new byte[8192];
        Encoding.Latin1.GetBytes(mark, file);
        VmiException e = Refusal(file);
        Assert.Equal(VmiErrorCode.NotSupported, e.Code);
        Assert.Contains(format, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_regular_files_that_are_there_are_opened()
    {
        Assert.Equal(VmiErrorCode.MachineNotFound, CodeOf(_folder.File("nothing")));
        Assert.Equal(VmiErrorCode.DumpInvalid, CodeOf(_folder.FullName));
        Assert.Equal(VmiErrorCode.DumpInvalid, CodeOf("/dev/zero"));
        Assert.Equal(VmiErrorCode.InvalidArgument, CodeOf("a\0b"));
        string fifo = _folder.File("fifo");
        using (var make = Process.Start("mkfifo", [fifo]))
            make.WaitForExit();
        Assert.Equal(VmiErrorCode.DumpInvalid, CodeOf(fifo));

        static VmiErrorCode CodeOf(string path) => Assert.Throws<VmiException>(() => DumpFile.Open(path)).Code;
    }

    private VmiException Refusal(byte[] file) => Assert.Throws<VmiException>(() => DumpFile.Open(_folder.File("dump", file)));

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
