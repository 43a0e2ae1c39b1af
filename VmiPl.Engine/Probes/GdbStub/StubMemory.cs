using System.Globalization;
using VmiPl.Memory;

namespace VmiPl.Probes.GdbStub;

/// <summary>Guest memory at a stop: read as the machine's memory is always read, written through QEMU, which then knows that code has changed and
/// that a page is dirty. For the driver's thread.</summary>
internal sealed class StubMemory(IGuestMemory source, StubConnection connection) : IGuestMemory
{
    // Half of QEMU's packets of 4096 characters, and room for the address.
    private const int MaxWrite = 1024;

    /// <inheritdoc/>
    public IReadOnlyList<PhysicalRange> Ranges => source.Ranges;

    /// <inheritdoc/>
    public MemoryAccess Access => source.Access;

    /// <inheritdoc/>
    public bool IsMapped => source.IsMapped;

    /// <inheritdoc/>
    public int Read(GuestPhysicalAddress address, Span<byte> buffer) => source.Read(address, buffer);

    /// <inheritdoc/>
    public void ReadBatch(Span<MemoryRequest> requests, Span<byte> buffer) => source.ReadBatch(requests, buffer);

    /// <inheritdoc/>
    public bool TryGetSpan(GuestPhysicalAddress address, int length, out ReadOnlySpan<byte> view) => source.TryGetSpan(address, length, out view);

    /// <inheritdoc/>
    public GuestPhysicalAddress SkipHole(GuestPhysicalAddress address) => source.SkipHole(address);

    /// <inheritdoc/>
    /// <remarks>A stub without physical addresses (QEMU before 4.0) is passed by.</remarks>
    public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes)
    {
        if (!connection.Demand("Qqemu.PhyMemMode:1"))
            return source.Write(address, bytes);
        int done = 0;
        try
        {
            while (done < bytes.Length)
            {
                ReadOnlySpan<byte> piece = bytes[done..Math.Min(bytes.Length, done + MaxWrite)];
                if (!connection.Demand(string.Create(CultureInfo.InvariantCulture, $"M{address.Value + (ulong)done:x},{piece.Length:x}:{Convert.ToHexStringLower(piece)}")))
                    break;
                done += piece.Length;
            }
        }
        finally
        {
            connection.Demand("Qqemu.PhyMemMode:0");
        }
        return done;
    }
}
