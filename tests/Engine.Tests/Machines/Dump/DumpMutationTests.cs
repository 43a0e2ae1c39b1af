using VmiPl.Errors;
using VmiPl.Machines.Dump;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Machines.Dump;

/// <summary>Headers changed at random: a file opens, or is refused with one of the errors made for that.</summary>
public sealed class DumpMutationTests : IDisposable
{
    private const int Mutations = 100_000;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Elf_headers(bool wide, bool extended)
    {
        byte[] file = new ElfCoreBuilder(wide) { ExtendedCount = extended }
            .Load(0x1000, new byte[64]).Load(0x2000, new byte[64], memoryBytes: 128).Load(0x1020, new byte[64])
            .Note("CORE", 1, new byte[336]).Note("QEMU", 0, QemuNote()).Note("VMCOREINFO", 0, new byte[32]).Build();
        Mutate(file, DumpFormat.ElfCore, wide ? 11 : 12);
    }

    [Fact]
    public void Lime_headers() =>
        Mutate(LimeBuilder.Build((0, 15, new byte[16]), (0x1000, 0x101F, new byte[32]), (0x1010, 0x102F, new byte[32])), DumpFormat.Lime, 13);

    [Fact]
    public void Any_first_bytes() => Mutate(new byte[8192], DumpFormat.Auto, 14, region: 24);

    private static byte[] QemuNote()
    {
        byte[] note = new byte[440];
        note[0] = 1;
        return note;
    }

    private void Mutate(byte[] good, DumpFormat format, int seed, int region = int.MaxValue)
    {
        region = Math.Min(region, good.Length);
        var random = new Random(seed);
        string path = _folder.File("mutant", good);
        using FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        byte[] buffer = new byte[256];
        int opened = 0, refused = 0;
        ulong[] edges = [0, 1, 3, 0x7F, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, long.MaxValue, 0x8000_0000_0000_0000, ulong.MaxValue, ulong.MaxValue - 63, (ulong)good.Length];
        for (int i = 0; i < Mutations; i++)
        {
            byte[] mutant = [.. good];
            for (int changes = random.Next(1, 5); changes > 0; changes--)
            {
                int at = random.Next(region - 8);
                if (random.Next(2) == 0)
                    mutant[at] = (byte)random.Next(256);
                else if (random.Next(2) == 0)
                    BitConverter.TryWriteBytes(mutant.AsSpan(at & ~3), edges[random.Next(edges.Length)]);
                else
                    BitConverter.TryWriteBytes(mutant.AsSpan(at & ~1), (ushort)edges[random.Next(edges.Length)]);
            }
            RandomAccess.Write(file.SafeFileHandle, mutant, 0);
            file.SetLength(random.Next(8) == 0 ? random.Next(good.Length) : good.Length);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using DumpMemory memory = DumpFile.OpenMemory(path, VmiLimits.Default, format);
                opened++;
                ulong end = 0;
                foreach (PhysicalRange range in memory.Ranges)
                {
                    Assert.True(range.Length > 0 && range.Start.Value >= end);
                    end = range.Start.Value + (range.Length - 1);
                    int want = (int)Math.Min(range.Length, 256);
                    Assert.Equal(want, memory.Read(range.Start, buffer.AsSpan(0, want)));
                    Assert.Equal(1, memory.Read(new GuestPhysicalAddress(end), buffer.AsSpan(0, 1)));
                    memory.Read(new GuestPhysicalAddress(end), buffer);
                }
                memory.Read(new GuestPhysicalAddress((ulong)random.NextInt64(long.MinValue, long.MaxValue)), buffer);
            }
            catch (VmiException e) when (e.Code is VmiErrorCode.DumpInvalid or VmiErrorCode.NotSupported)
            {
                refused++;
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 1024);
        }
        Assert.True(opened > 1000 && refused > 1000, $"{opened} opened, {refused} refused");
    }
}
