using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Probes.Placement;

/// <summary>Reads an interrupt descriptor table: 16-byte gates in long mode, else 8-byte ones (Intel SDM volume 3A, figures 6-2 and 6-8). Never
/// throws for what is there. As thread-safe as the address space that it is given.</summary>
public static class InterruptGates
{
    /// <summary>Vectors of a whole table.</summary>
    public const int Vectors = 256;

    /// <summary>All 256 entries of the table at guest-virtual <paramref name="table"/>, whose last byte is <paramref name="limit"/> bytes behind its
    /// first, as IDTR has it.</summary>
    public static InterruptGate[] Read(AddressSpace space, ulong table, ushort limit) =>
        [.. Enumerable.Range(0, Vectors).Select(vector => Read(space, table, limit, vector))];

    /// <summary>One entry; <paramref name="vector"/> is 0 to 255.</summary>
    public static InterruptGate Read(AddressSpace space, ulong table, ushort limit, int vector)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(vector);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(vector, Vectors);
        bool is64Bit = space.PointerSize == 8;
        int size = is64Bit ? 16 : 8;
        if (vector * size + size - 1 > limit)
            return new InterruptGate(vector, GateKind.Absent, 0, 0, 0, 0);
        Span<byte> gate = stackalloc byte[size];
        ulong at = table + (ulong)(vector * size);
        if (!space.TryRead(new GuestVirtualAddress(is64Bit ? at : (uint)at), gate))
            return new InterruptGate(vector, GateKind.Unreadable, 0, 0, 0, 0);
        GateKind kind = KindOf(gate[5], is64Bit);
        ulong handler = 0;
        if (kind is GateKind.Interrupt or GateKind.Trap)
        {
            handler = BinaryPrimitives.ReadUInt16LittleEndian(gate);
            // A 16-bit gate has no more than that.
            if ((gate[5] & 8) != 0)
                handler |= (ulong)BinaryPrimitives.ReadUInt16LittleEndian(gate[6..]) << 16;
            if (is64Bit)
                handler |= (ulong)BinaryPrimitives.ReadUInt32LittleEndian(gate[8..]) << 32;
        }
        return new InterruptGate(vector, kind, handler, BinaryPrimitives.ReadUInt16LittleEndian(gate[2..]), (gate[5] >> 5) & 3, is64Bit ? gate[4] & 7 : 0);
    }

    private static GateKind KindOf(byte access, bool is64Bit)
    {
        if ((access & 0x80) == 0)
            return GateKind.Absent;
        return (access & 0x1F) switch
        {
            0x0E => GateKind.Interrupt,
            0x0F => GateKind.Trap,
            0x06 when !is64Bit => GateKind.Interrupt,
            0x07 when !is64Bit => GateKind.Trap,
            0x05 when !is64Bit => GateKind.Task,
            _ => GateKind.Invalid,
        };
    }
}
