using VmiPl.Machines.CommandLine;
using VmiPl.Machines.ProcessMemory;
using VmiPl.Machines.Processes;

namespace VmiPl.Tests.Machines;

public sealed class ProcessMappingTests
{
    private const string Maps = """
        55d0c8a00000-55d0c8c00000 r--p 00000000 fe:01 1234                       /usr/bin/qemu-system-x86_64
        55d0ca000000-55d0cb000000 rw-p 00000000 00:00 0                          [heap]
        7f0000000000-7f0004000000 rw-p 00000000 00:00 0 
        7f0004000000-7f0008000000 rw-p 00000000 00:00 0 
        7f0008000000-7f0008001000 ---p 00000000 00:00 0 
        7f1000000000-7f1008000000 rw-s 00000000 00:01 2049                       /memfd:memory-backend-memfd (deleted)
        7f1008000000-7f1010000000 rw-s 08000000 00:01 2049                       /memfd:memory-backend-memfd (deleted)
        7f2000000000-7f2010000000 rw-s 00000000 00:01 2050                       /memfd:memory-backend-memfd (deleted)
        garbage
        7f30-zz rw-p 0 0 0

        """;

    [Fact]
    public void Pieces_of_one_backing_are_joined_and_garbage_is_skipped()
    {
        IReadOnlyList<ProcessMapping> all = ProcessMapping.Parse(Maps), joined = ProcessMapping.Join(all);
        Assert.Equal((8, 6), (all.Count, joined.Count));
        Assert.Equal(0x8000000UL, joined[2].Length);
        Assert.Equal(0x10000000UL, joined[4].Length);
        Assert.True(joined[4].IsShared);
        Assert.Equal("/memfd:memory-backend-memfd (deleted)", joined[4].Path);
    }

    [Fact]
    public void Ram_is_found_by_its_size() => Assert.Equal(
        [(0x7f0000000000UL, 128UL << 20)], RamBlocks.Find(ProcessMapping.Parse(Maps), [new RamBackend("", 128UL << 20)]));

    [Fact]
    public void Equal_blocks_of_files_are_told_apart_by_their_age() => Assert.Equal(
        [(0x7f1000000000UL, 256UL << 20), (0x7f2000000000UL, 256UL << 20)],
        RamBlocks.Find(ProcessMapping.Parse(Maps), [new RamBackend("a", 256UL << 20), new RamBackend("b", 256UL << 20)]));

    [Fact]
    public void A_block_joined_with_memory_before_it_ends_at_its_guard_page() => Assert.Equal(
        [(0x7f0008000000UL - (64UL << 20), 64UL << 20)], RamBlocks.Find(ProcessMapping.Parse(Maps), [new RamBackend("", 64UL << 20)]));

    [Theory]
    [InlineData("7 (qemu) S 1 7 7 0 -1 4194560 0 0", true)]
    [InlineData("7 (a) Z (b) S 1 7 7 0 -1 4194560 0 0", true)]
    [InlineData("7 (qemu) Z 1 7 7 0 -1 4194560 0 0", false)]
    [InlineData("7 (qemu) R 1 7 7 0 -1 4194564 0 0", false)]
    [InlineData("7 (qemu)", false)]
    [InlineData("", false)]
    public void A_process_on_its_way_out_is_not_alive(string stat, bool expected) =>
        Assert.Equal(expected, ProcessIdentity.IsAlive(System.Text.Encoding.ASCII.GetBytes(stat)));
}
