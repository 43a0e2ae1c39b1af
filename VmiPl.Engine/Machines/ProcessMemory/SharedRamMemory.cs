using Microsoft.Win32.SafeHandles;
using VmiPl.Interop;
using VmiPl.Machines.Processes;
using VmiPl.Memory;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Guest RAM that QEMU shares (<c>memory-backend-memfd</c> or <c>-file</c> with <c>share=on</c>), mapped here read-only;
/// a second, writable mapping is made by the first write. Safe from any thread.
/// <para>Touching a mapped page behind the end of its file kills the process that touches it (SIGBUS), and QEMU may have been
/// taken over. So views and plain copies are given only where the file is memory that is sealed against shrinking, as QEMU
/// seals its memfds (<c>seal=on</c>, the default). Of any other file, one that could be truncated under us, each read is a
/// copy made by the kernel (<c>process_vm_readv</c> on this process), which fails softly and costs about 0.5 µs.</para></summary>
internal sealed class SharedRamMemory : IGuestMemory
{
    private readonly Piece[] _pieces;
    private readonly ProcessIdentity _process;
    private readonly ProcessVmMemory? _guarded;
    private uint _reads;
    private readonly Lazy<(ProcessVmMemory Memory, IReadOnlyList<MappedRegion> Regions)?> _writable;

    /// <summary>A run of guest memory: where it lies in the region, and where that begins in its file.</summary>
    private readonly record struct Piece(ulong Start, ulong Length, MappedRegion Region, ulong Offset, SafeFileHandle File, ulong FileOffset);

    private SharedRamMemory(Piece[] pieces, RamMap map, bool isSealed, ProcessIdentity process, Func<Piece[]?> openWritable)
    {
        _pieces = pieces;
        _process = process;
        Ranges = map.Ranges;
        _guarded = isSealed ? null : new ProcessVmMemory(MapHere(pieces));
        _writable = new(() => openWritable() is { } w ? (new ProcessVmMemory(MapHere(w)), [.. w.Select(p => p.Region)]) : null);
    }

    /// <inheritdoc/>
    public IReadOnlyList<PhysicalRange> Ranges { get; }

    /// <inheritdoc/>
    public MemoryAccess Access => MemoryAccess.SharedMapping;

    /// <summary>Whether views of the memory can be given out: the file behind it can't shrink.</summary>
    public bool IsMapped => _guarded is null;

    /// <summary>Maps the RAM of a process, which it does not own. Null, with the reason, where a piece of it is not shared or
    /// its file can't be opened.</summary>
    public static SharedRamMemory? TryOpen(ProcessIdentity process, RamMap map, IReadOnlyList<ProcessMapping> mappings, out string problem)
    {
        IReadOnlyList<ProcessMapping> joined = ProcessMapping.Join(mappings);
        bool isSealed = true;
        Piece[]? pieces = Map(process.Id, map, joined, mappings, writable: false, ref isSealed, out problem);
        bool ignored = false;
        return pieces is null ? null : new SharedRamMemory(
            pieces, map, isSealed, process, () => Map(process.Id, map, joined, mappings, writable: true, ref ignored, out _));
    }

    /// <inheritdoc/>
    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        DemandNowAndThen();
        if (_guarded is not null)
            return _guarded.Read(address, buffer);
        int done = 0;
        while (done < buffer.Length && TryFind(address.Value + (ulong)done, out Piece piece, out ulong offset))
        {
            int count = (int)Math.Min(piece.Length - offset, (ulong)(buffer.Length - done));
            piece.Region.View(piece.Offset + offset, count).CopyTo(buffer[done..]);
            done += count;
        }
        GC.KeepAlive(this);   // the mapping lives as long as this does
        return done;
    }

    /// <inheritdoc/>
    public void ReadBatch(Span<MemoryRequest> requests, Span<byte> buffer)
    {
        if (_guarded is not null)
        {
            DemandNowAndThen();
            _guarded.ReadBatch(requests, buffer);
            return;
        }
        foreach (ref MemoryRequest request in requests)
            request.Done = Read(request.Address, buffer.Slice(request.Offset, request.Length));
    }

    /// <inheritdoc/>
    public bool TryGetSpan(GuestPhysicalAddress address, int length, out ReadOnlySpan<byte> view)
    {
        view = default;
        if (_guarded is not null)
            return false;
        if (!TryFind(address.Value, out Piece piece, out ulong offset) || (ulong)length > piece.Length - offset)
            return false;
        view = piece.Region.View(piece.Offset + offset, length);
        return true;
    }

    /// <inheritdoc/>
    public GuestPhysicalAddress SkipHole(GuestPhysicalAddress address)
    {
        if (!TryFind(address.Value, out Piece piece, out ulong offset))
            return address;
        ulong start = piece.FileOffset + piece.Offset, data = NativeFile.NextData(piece.File, start + offset);
        return new GuestPhysicalAddress(piece.Start + Math.Min(Math.Max(data, start + offset) - start, piece.Length));
    }

    /// <inheritdoc/>
    public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes)
    {
        _process.Demand();
        return _writable.Value?.Memory.Write(address, bytes) ?? 0;
    }

    /// <summary>Looks whether QEMU still lives, once in many reads: the mapping outlives it, and an operation has looked when it
    /// began. A clock read for each read would cost more than the read. A lost count does no harm.</summary>
    private void DemandNowAndThen()
    {
        if ((++_reads & 0x3FF) == 0)
            _process.DemandNowAndThen();
    }

    private bool TryFind(ulong address, out Piece found, out ulong offset)
    {
        foreach (ref readonly Piece piece in _pieces.AsSpan())
        {
            offset = address - piece.Start;
            if (offset < piece.Length)
            {
                found = piece;
                return true;
            }
        }
        found = default;
        offset = 0;
        return false;
    }

    private static RamMap MapHere(Piece[] pieces) => new(pieces.Select(p => new RamSegment(p.Start, p.Length, p.Region.Address + p.Offset)));

    private static Piece[]? Map(
        int processId, RamMap map, IReadOnlyList<ProcessMapping> joined, IReadOnlyList<ProcessMapping> all,
        bool writable, ref bool isSealed, out string problem)
    {
        var regions = new Dictionary<ulong, (MappedRegion Region, SafeFileHandle File)>();   // by the mapping's start in QEMU
        var pieces = new List<Piece>();
        problem = "";
        foreach (RamSegment segment in map.Segments)
        {
            ProcessMapping? mapping = joined.FirstOrDefault(m => m.Start <= segment.Host && segment.Host - m.Start < m.Length);
            if (mapping is not { IsShared: true, Inode: not 0 } || segment.Length > mapping.End - segment.Host)
            {
                problem = "guest RAM is not shared";
                return null;
            }
            if (!regions.TryGetValue(mapping.Start, out (MappedRegion Region, SafeFileHandle File) mapped))
            {
                SafeFileHandle? file = SharedFile.TryOpen(processId, mapping, all, writable, out int error);
                MappedRegion? region = file is null ? null : MappedRegion.TryMap(file, mapping.Offset, mapping.Length, writable, out error);
                if (region is null)
                {
                    file?.Dispose();
                    problem = $"the file behind guest RAM ({mapping.Path}) could not be mapped: {Errno.Text(error)}";
                    return null;
                }
                isSealed &= NativeFile.IsSealedMemory(file!);
                regions[mapping.Start] = mapped = (region, file!);
            }
            pieces.Add(new Piece(segment.Start, segment.Length, mapped.Region, segment.Host - mapping.Start, mapped.File, mapping.Offset));
        }
        return [.. pieces];
    }
}
