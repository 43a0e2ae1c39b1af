using VmiPl.Machines;

namespace VmiPl.Tests.Machines;

public sealed class VcpuThreadsTests
{
    [Fact]
    public void Threads_are_read_by_vCPU()
    {
        Assert.Equal([(0, 4711), (1, 4712)], VcpuThreads.Parse("* CPU #0: thread_id=4711\r\n  CPU #1: thread_id=4712\r\n"));
        Assert.Equal([(0, 5), (10, 6)], VcpuThreads.Parse("  CPU #10: (halted) thread_id=6\n* CPU #0: pc=0xffff thread_id=5\n"));
        Assert.Empty(VcpuThreads.Parse("unknown command: 'info cpus'"));
        Assert.Empty(VcpuThreads.Parse("CPU #99999999999999: thread_id=99999999999999"));
    }

    [Fact]
    public void A_port_that_nobody_claims_is_found()
    {
        const string Tree = """
            FlatView #0
             AS "memory", root: system
              00000000000000e0-00000000000000e7 (prio 0, ram): pc.ram

            FlatView #1
             AS "I/O", root: io
             Root memory region: io
              0000000000000060-0000000000000060 (prio 0, i/o): i8042-data
              0000000000000061-00000000000000e4 (prio 0, i/o): io @0000000000000061
              00000000000000e5-00000000000000e6 (prio 0, i/o): card
              00000000000000e7-000000000000ffff (prio 0, i/o): io @00000000000000e7

            FlatView #2
             AS "other", root: system
              00000000000000e0-00000000000000e7 (prio 0, i/o): none
            """;
        Assert.Equal((byte)0xe4, PortClaims.FirstFree(Tree, [0xe5, 0xe6, 0xe4]));
        Assert.Equal((byte)0xe7, PortClaims.FirstFree(Tree, [0x60, 0xe5, 0xe7]));
        Assert.Null(PortClaims.FirstFree(Tree, [0xe5, 0x60]));
        Assert.Equal((byte)0xe5, PortClaims.FirstFree("", [0xe5]));
    }
}
