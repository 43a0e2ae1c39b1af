using VmiPl.Errors;
using VmiPl.Machines.ProcessMemory;

namespace VmiPl.Tests.Machines;

/// <summary>The texts are as QEMU 7.2, 10.0 and 11.1 print them (they agree), cut to what matters.</summary>
public sealed class MemoryTreeTests
{
    private const string BackEnds = "memory backend: mem1\r\n  size:  268435456\r\n  share: true\r\nmemory backend: pc.ram\r\n  size:  3221225472\r\n\r\n";

    private const string AtReset = """
        FlatView #0
         AS "cpu-smm-1", root: memory
         Root memory region: memory
          0000000000000000-00000000ffffffff (prio 0, ram): pc.ram

        FlatView #2
         AS "memory", root: system
         AS "cpu-memory-0", root: system
         Root memory region: system
          0000000000000000-000000000009ffff (prio 0, ram): pc.ram
          00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
          00000000000c0000-00000000000dffff (prio 1, rom): pc.rom
          00000000000e0000-00000000000fffff (prio 0, rom): pc.bios @0000000000020000
          0000000000100000-000000007fffffff (prio 0, ram): pc.ram @0000000000100000
          00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios
          0000000100000000-000000013fffffff (prio 0, ram): pc.ram @0000000080000000
          0000000140000000-000000014fffffff (prio 0, ram): mem1

        FlatView #3
         AS "device-memory", root: device-memory
         Root memory region: mem1
          0000000000000000-000000000fffffff (prio 0, ram): mem1

        """;

    private const string Running = """
        FlatView #1
         AS "memory", root: system
         Root memory region: system
          0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM
          00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
          00000000000c0000-00000000000c9fff (prio 0, rom): pc.ram @00000000000c0000 KVM
          00000000000ca000-00000000000ccfff (prio 0, ram): pc.ram @00000000000ca000 KVM
          00000000000cd000-00000000000e7fff (prio 0, rom): pc.ram @00000000000cd000 KVM
          00000000000e8000-00000000000effff (prio 0, ram): pc.ram @00000000000e8000 KVM
          00000000000f0000-00000000000fffff (prio 0, rom): pc.ram @00000000000f0000 KVM
          0000000000100000-000000000fffffff (prio 0, ram): pc.ram @0000000000100000 KVM
          00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram KVM

        """;

    [Fact]
    public void The_map_holds_ram_and_hotplugged_memory_and_nothing_else()
    {
        var asked = new List<string>();
        RamMap map = MemoryTree.Read(command => Answer(command, AtReset, asked), withHost: true);
        Assert.Equal(
            [
                new RamSegment(0, 0xA0000, 0x7f0000000000),
                new RamSegment(0xC0000, 0x7FF40000, 0x7f00000c0000),
                new RamSegment(0x100000000, 0x40000000, 0x7f0080000000),
                new RamSegment(0x140000000, 0x10000000, 0x7e0000000000),
            ], map.Segments);
        Assert.Equal(["gpa2hva 0x0", "gpa2hva 0x140000000", "info memdev", "info mtree -f"], asked.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_map_of_a_running_guest_is_that_of_the_same_guest_at_reset()
    {
        RamMap map = MemoryTree.Read(command => Answer(command, Running, []), withHost: true);
        Assert.Equal([new RamSegment(0, 0xA0000, 0x7f0000000000), new RamSegment(0xC0000, 0xFF40000, 0x7f00000c0000)], map.Segments);
    }

    [Fact]
    public void Without_names_of_back_ends_video_memory_is_still_left_out()
    {
        RamMap map = MemoryTree.Read(command => command == "info memdev" ? "unknown command" : Answer(command, Running, []), withHost: false);
        Assert.Equal(0x10000000UL, map.Segments[^1].Start + map.Segments[^1].Length);
    }

    [Fact]
    public void What_makes_no_map_is_a_clear_error()
    {
        VmiException e = Assert.Throws<VmiException>(() => MemoryTree.Read(_ => "unknown command: 'info'", withHost: true));
        Assert.Equal(VmiErrorCode.MonitorProtocol, e.Code);
    }

    [Fact]
    public void Damaged_text_ends_in_a_map_or_a_clear_error()
    {
        var random = new Random(4);
        for (int i = 0; i < 5_000; i++)
        {
            try
            {
                RamMap map = MemoryTree.Read(command =>
                {
                    char[] text = Answer(command, AtReset, []).ToCharArray();
                    for (int n = random.Next(0, 20); n > 0; n--)
                        text[random.Next(text.Length)] = "0f f(,):@-\n"[random.Next(11)];
                    return new string(text);
                }, withHost: true);
                for (int s = 1; s < map.Segments.Count; s++)
                    Assert.True(map.Segments[s].Start >= map.Segments[s - 1].Start + map.Segments[s - 1].Length);
            }
            catch (VmiException e)
            {
                Assert.Equal(VmiErrorCode.MonitorProtocol, e.Code);
            }
        }
    }

    private static string Answer(string command, string tree, List<string> asked)
    {
        asked.Add(command);
        return command switch
        {
            "info mtree -f" => tree,
            "info memdev" => BackEnds,
            "gpa2hva 0x0" => "Host virtual address for 0x0 (pc.ram) is 0x7f0000000000\n",
            "gpa2hva 0x140000000" => "Host virtual address for 0x140000000 (mem1) is 0x7e0000000000\n",
            _ => "Memory at address is not RAM\n",
        };
    }
}
