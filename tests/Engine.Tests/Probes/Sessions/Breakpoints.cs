using System.Buffers.Binary;
using VmiPl.Streams;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Which <c>int3</c> instructions a guest has executed.</summary>
internal static class Breakpoints
{
    private const uint KernelStart = 0x80000000;

    /// <summary>Holds that the instruction at <paramref name="site"/> was executed so often. The records are the word on the stack at the handler's
    /// start: the low half of where the guest returns to. The kernel has breakpoints of its own for a moment wherever it changes its code, and an
    /// interrupt may meet one.</summary>
    public static void AssertCount(int count, ulong site, IEnumerable<VmiRecord> records)
    {
        uint[] returns = [.. records.Select(record => BinaryPrimitives.ReadUInt32LittleEndian([.. ((MemoryRecord)record).Bytes]))];
        Assert.Equal(count, returns.Count(to => to == site + 1));
        Assert.All(returns.Where(to => to != site + 1), to => Assert.True(to >= KernelStart, $"Nobody in the guest has a breakpoint at 0x{to - 1:x}."));
    }
}
