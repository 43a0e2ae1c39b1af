using VmiPl.Memory;

namespace VmiPl.Tests.Synthetic;

/// <summary>Memory that lies elsewhere (so that copies are worth keeping) and counts the calls made for it.</summary>
internal sealed class CountingMemory(IGuestMemory source) : IGuestMemory
{
    public int Reads { get; private set; }

    public int Batches { get; private set; }

    /// <summary>Pieces asked for in batches.</summary>
    public int Requests { get; private set; }

    /// <summary>Called before each read or batch.</summary>
    public Action? Before { get; set; }

    public IReadOnlyList<PhysicalRange> Ranges => source.Ranges;

    public MemoryAccess Access => MemoryAccess.ProcessVm;

    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        Before?.Invoke();
        Reads++;
        return source.Read(address, buffer);
    }

    public void ReadBatch(Span<MemoryRequest> requests, Span<byte> buffer)
    {
        Before?.Invoke();
        Batches++;
        Requests += requests.Length;
        foreach (ref MemoryRequest request in requests)
            request.Done = source.Read(request.Address, buffer.Slice(request.Offset, request.Length));
    }

    public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes) => source.Write(address, bytes);
}
