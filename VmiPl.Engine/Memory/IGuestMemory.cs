namespace VmiPl.Memory;

/// <summary>Guest-physical memory of a machine or dump. One method is enough for a source; the others are upgrades.
/// Reads may come from any thread at a time; a source keeps no state that a reader can see.</summary>
public interface IGuestMemory
{
    /// <summary>Reads from the start of <paramref name="buffer"/> on and returns how many bytes could be read: fewer than
    /// asked where memory ends or is not backed, 0 where the first byte is not. Never throws for an address; throws
    /// <see cref="Errors.VmiException"/> with <c>MachineLost</c> when the machine is gone.</summary>
    int Read(GuestPhysicalAddress address, Span<byte> buffer);

    /// <summary>Reads several pieces at the cost of one call where the source can. Sets each request's
    /// <see cref="MemoryRequest.Done"/>.</summary>
    void ReadBatch(Span<MemoryRequest> requests, Span<byte> buffer)
    {
        foreach (ref MemoryRequest request in requests)
            request.Done = Read(request.Address, buffer.Slice(request.Offset, request.Length));
    }

    /// <summary>Gives a view of the memory itself, without a copy, where the whole piece is mapped in this process.
    /// The guest changes it at will: read each value once. The view is valid until the source is disposed.</summary>
    bool TryGetSpan(GuestPhysicalAddress address, int length, out ReadOnlySpan<byte> view)
    {
        view = default;
        return false;
    }

    /// <summary>Writes and returns how many bytes were written; 0 where the source is read-only.</summary>
    int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes) => 0;

    /// <summary>The first address from <paramref name="address"/> on that may hold anything but zeros, as far as the source can tell
    /// without looking; never below it. A sweep over all memory goes by this: the pages of a guest that it never touched cost
    /// time, and to read them in shared RAM makes the host allocate them.</summary>
    GuestPhysicalAddress SkipHole(GuestPhysicalAddress address) => address;

    /// <summary>The runs of RAM that can be read, in ascending order, without overlap.</summary>
    IReadOnlyList<PhysicalRange> Ranges { get; }

    /// <summary>Which way serves.</summary>
    MemoryAccess Access { get; }

    /// <summary>Whether the memory lies in this process, so that reading it costs no call and copies of it save nothing.</summary>
    bool IsMapped => Access == MemoryAccess.SharedMapping;
}
