using VmiPl.Interop;
using VmiPl.Machines.Processes;
using VmiPl.Memory;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Guest RAM through <c>process_vm_readv</c>: a copy, in one system call for many pieces, that fails softly whatever the
/// other process does. Allocates nothing for a read. Safe from any thread.</summary>
internal sealed class ProcessVmMemory : IGuestMemory
{
    private readonly RamMap _map;
    private readonly ProcessIdentity? _process;
    private readonly int _processId;

    /// <summary>Makes a source over another process, which it does not own.</summary>
    public ProcessVmMemory(ProcessIdentity process, RamMap map)
    {
        _process = process;
        _processId = process.Id;
        _map = map;
    }

    /// <summary>Makes a source over this process itself: for mappings that may fault.</summary>
    public ProcessVmMemory(RamMap map)
    {
        _processId = Environment.ProcessId;
        _map = map;
    }

    /// <inheritdoc/>
    public IReadOnlyList<PhysicalRange> Ranges => _map.Ranges;

    /// <inheritdoc/>
    public MemoryAccess Access => MemoryAccess.ProcessVm;

    /// <inheritdoc/>
    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        _process?.DemandNowAndThen();
        int done = 0;
        while (done < buffer.Length && _map.TryFind(address.Value + (ulong)done, out ulong host, out ulong left))
        {
            int want = (int)Math.Min(left, (ulong)(buffer.Length - done));
            int got = ProcessVm.Read(_processId, host, buffer.Slice(done, want), out int error);
            done += got;
            if (got < want)
            {
                Judge(error);
                break;
            }
        }
        return done;
    }

    /// <inheritdoc/>
    public void ReadBatch(Span<MemoryRequest> requests, Span<byte> buffer)
    {
        _process?.DemandNowAndThen();
        Span<ProcessPiece> pieces = stackalloc ProcessPiece[ProcessVm.MaxPieces];
        Span<int> owners = stackalloc int[ProcessVm.MaxPieces];
        int next = 0;
        while (next < requests.Length)
        {
            int count = 0;
            for (; next < requests.Length && count < pieces.Length; next++)
            {
                ref MemoryRequest request = ref requests[next];
                request.Done = 0;
                if (!_map.TryFind(request.Address.Value, out ulong host, out ulong left))
                    continue;
                if (left < (ulong)request.Length)
                {
                    // Crosses a hole's edge: rare, so it goes by itself.
                    request.Done = Read(request.Address, buffer.Slice(request.Offset, request.Length));
                    continue;
                }
                owners[count] = next;
                pieces[count++] = new ProcessPiece(host, request.Offset, request.Length);
            }
            ReadPieces(pieces[..count], owners[..count], requests, buffer);
        }
    }

    /// <inheritdoc/>
    public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes)
    {
        _process?.Demand();
        int done = 0;
        while (done < bytes.Length && _map.TryFind(address.Value + (ulong)done, out ulong host, out ulong left))
        {
            int want = (int)Math.Min(left, (ulong)(bytes.Length - done));
            int put = ProcessVm.Write(_processId, host, bytes.Slice(done, want), out int error);
            done += put;
            if (put < want)
            {
                Judge(error);
                break;
            }
        }
        return done;
    }

    private void ReadPieces(Span<ProcessPiece> pieces, Span<int> owners, Span<MemoryRequest> requests, Span<byte> buffer)
    {
        while (!pieces.IsEmpty)
        {
            int done = ProcessVm.Read(_processId, pieces, buffer, out int error);
            int i = 0;
            for (; i < pieces.Length; i++)
            {
                int part = Math.Min(done, pieces[i].Length);
                requests[owners[i]].Done = part;
                done -= part;
                if (part < pieces[i].Length)
                    break;
            }
            if (i == pieces.Length)
                return;
            Judge(error);
            // The call ends at the first piece that fails; the others have their own chance.
            pieces = pieces[(i + 1)..];
            owners = owners[(i + 1)..];
        }
    }

    /// <summary>A read came short: because the process is gone, or because of the address?</summary>
    private void Judge(int error)
    {
        if (Errno.IsNoProcess(error))
            throw ProcessIdentity.Lost(_processId);
        _process?.Demand();
    }
}
