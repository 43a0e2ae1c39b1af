using VmiPl.Memory;

namespace VmiPl.Tests.Synthetic;

/// <summary>An array that is read as a live guest without shared memory is: by calls, through copies; counts the calls.</summary>
internal sealed class UnmappedMemory(byte[] bytes) : IGuestMemory
{
    private readonly ArrayMemory _array = new(bytes);

    public int Reads { get; private set; }

    public int Batches { get; private set; }

    public IReadOnlyList<PhysicalRange> Ranges => _array.Ranges;

    public MemoryAccess Access => MemoryAccess.ProcessVm;

    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        Reads++;
        return _array.Read(address, buffer);
    }

    public void ReadBatch(Span<MemoryRequest> requests, Span<byte> buffer)
    {
        Batches++;
        foreach (ref MemoryRequest request in requests)
            request.Done = _array.Read(request.Address, buffer.Slice(request.Offset, request.Length));
    }

    public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> written) => _array.Write(address, written);
}
