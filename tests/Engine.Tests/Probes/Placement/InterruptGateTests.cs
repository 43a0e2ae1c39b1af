using VmiPl.Memory;
using VmiPl.Probes.Placement;

namespace VmiPl.Tests.Probes.Placement;

public sealed class InterruptGateTests
{
    [Theory]
    [InlineData(0x8E, GateKind.Interrupt, 0)]
    [InlineData(0xEF, GateKind.Trap, 3)]
    [InlineData(0x0E, GateKind.Absent, 0)]
    [InlineData(0x85, GateKind.Invalid, 0)]
    [InlineData(0x86, GateKind.Invalid, 0)]
    [InlineData(0x9E, GateKind.Invalid, 0)]
    public void A_64_bit_gate(byte access, GateKind kind, int level)
    {
        var text = new SyntheticText();
        byte[] gate = [0x44, 0x33, 0x10, 0x00, 0x03, access, 0x22, 0x11, 0x81, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
        gate.CopyTo(text.Memory, SyntheticText.Physical + 14 * 16);
        ulong handler = kind is GateKind.Interrupt or GateKind.Trap ? 0xFFFF_FF81_1122_3344 : 0;
        Assert.Equal(new InterruptGate(14, kind, handler, 0x10, level, 3), InterruptGates.Read(text.Tables.Space(), text.Image, 4095, 14));
    }

    [Theory]
    [InlineData(0x8E, GateKind.Interrupt, 0x1122_3344UL)]
    [InlineData(0x8F, GateKind.Trap, 0x1122_3344UL)]
    [InlineData(0x86, GateKind.Interrupt, 0x3344UL)]
    [InlineData(0x87, GateKind.Trap, 0x3344UL)]
    [InlineData(0x85, GateKind.Task, 0UL)]
    [InlineData(0x8C, GateKind.Invalid, 0UL)]
    [InlineData(0x00, GateKind.Absent, 0UL)]
    public void A_32_bit_gate(byte access, GateKind kind, ulong handler)
    {
        var text = new SyntheticText(PagingMode.Pae);
        byte[] gate = [0x44, 0x33, 0x60, 0x00, 0x07, access, 0x22, 0x11];
        gate.CopyTo(text.Memory, SyntheticText.Physical + 8 * 8);
        Assert.Equal(new InterruptGate(8, kind, handler, 0x60, 0, 0), InterruptGates.Read(text.Tables.Space(), text.Image, 2047, 8));
    }

    [Fact]
    public void Behind_the_limit_and_off_the_map_there_are_none()
    {
        var text = new SyntheticText();
        AddressSpace space = text.Tables.Space();
        Assert.Equal(GateKind.Absent, InterruptGates.Read(space, text.Image, 16 * 14 + 14, 14).Kind);
        Assert.Equal(GateKind.Unreadable, InterruptGates.Read(space, text.Image + SyntheticText.Bytes - 8, 4095, 0).Kind);
        Assert.All(InterruptGates.Read(space, ulong.MaxValue - 20, ushort.MaxValue), gate => Assert.Equal(GateKind.Unreadable, gate.Kind));
        Assert.Throws<ArgumentOutOfRangeException>(() => InterruptGates.Read(space, 0, 4095, 256));
    }

    [Fact]
    public void Random_tables_end_in_a_result()
    {
        var random = new Random(7);
        foreach (PagingMode mode in (PagingMode[])[PagingMode.FourLevel, PagingMode.Legacy32])
        {
            var text = new SyntheticText(mode);
            random.NextBytes(text.Memory.AsSpan(SyntheticText.Physical, 4096));
            for (int round = 0; round < 100; round++)
            {
                InterruptGate[] gates = InterruptGates.Read(text.Tables.Space(), text.Image + (ulong)random.Next(-5000, 5000), (ushort)random.Next(65536));
                Assert.Equal(Enumerable.Range(0, 256), gates.Select(gate => gate.Vector));
                Assert.All(gates, gate => Assert.True(gate.Kind is GateKind.Interrupt or GateKind.Trap || gate.Handler == 0));
            }
        }
    }
}
