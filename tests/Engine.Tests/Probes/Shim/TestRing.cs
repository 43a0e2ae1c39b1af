using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmiPl.Interop;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>The shim's end of a ring, as the header says it, or any bytes that a hostile one writes.</summary>
internal sealed class TestRing : IDisposable
{
    public const int CountersAt = 4096, RingAt = CountersAt + AbiNumbers.MaxProbes * 64;

    private readonly MappedRegion _memory;
    private readonly int _bytes;
    private readonly Dictionary<int, ulong> _sequences = [];

    public TestRing(int bytes, bool isSealed = true)
    {
        _bytes = bytes;
        File = SharedFiles.Memory(RingAt + bytes, isSealed);
        Signal = SharedFiles.Signal();
        _memory = MappedRegion.TryMap(File, 0, (ulong)(RingAt + bytes), writable: true, out _)!;
        Reset();
    }

    public SafeFileHandle File { get; }

    public SafeFileHandle Signal { get; }

    public ulong Head
    {
        get => Volatile.Read(ref Number(AbiRing.HeadAt));
        set => Volatile.Write(ref Number(AbiRing.HeadAt), value);
    }

    public ulong Tail => Volatile.Read(ref Number(AbiRing.TailAt));

    public bool IsWaitedFor => Volatile.Read(ref MemoryMarshal.AsRef<uint>(_memory.WritableView(AbiRing.WaitingAt, 4))) != 0;

    /// <summary>Makes it new.</summary>
    public void Reset()
    {
        Bytes.Clear();
        Put(0, new AbiRing { Magic = AbiNumbers.ShimMagic, Abi = AbiNumbers.ShimAbi, CountersAt = CountersAt, RingAt = RingAt, RingBytes = (uint)_bytes });
    }

    /// <summary>The whole of it.</summary>
    public Span<byte> Bytes => _memory.WritableView(0, RingAt + _bytes);

    public void Put<T>(int at, T value) where T : unmanaged => MemoryMarshal.Write(_memory.WritableView((ulong)at, Unsafe.SizeOf<T>()), in value);

    public void Count(int probe, AbiCounters counters) => Put(CountersAt + probe * 64, counters);

    /// <summary>Writes a record, as a shim does; false where there is no room.</summary>
    public bool TryWrite(AbiRecord record, ReadOnlySpan<byte> bytes)
    {
        int head = Unsafe.SizeOf<AbiRecord>(), size = (head + bytes.Length + 7) & ~7;
        int left = _bytes - (int)(Head % (ulong)_bytes), skipped = left < size ? left : 0;
        if (Head - Tail + (ulong)(size + skipped) > (ulong)_bytes)
            return false;
        if (skipped >= head)
            PutRecord(new AbiRecord { Size = (uint)skipped, Kind = AbiRecordKind.Pad }, []);
        else
            Head += (ulong)skipped;
        PutRecord(record with { Size = (uint)size, Bytes = (uint)bytes.Length }, bytes);
        return true;
    }

    /// <summary>Writes a record of data.</summary>
    public bool TryWrite(int probe, ReadOnlySpan<byte> bytes, uint schema = 0)
    {
        ulong sequence = _sequences.GetValueOrDefault(probe);
        _sequences[probe] = sequence + 1;
        return TryWrite(new AbiRecord { Kind = AbiRecordKind.Data, Probe = (uint)probe, Sequence = sequence, Schema = schema }, bytes);
    }

    /// <summary>Wakes the reader if it waits.</summary>
    public void Wake()
    {
        Interlocked.MemoryBarrier();
        ref uint waiting = ref MemoryMarshal.AsRef<uint>(_memory.WritableView(AbiRing.WaitingAt, 4));
        if (Interlocked.Exchange(ref waiting, 0) != 0)
            SharedFiles.Give(Signal);
    }

    public void Dispose()
    {
        File.Dispose();
        Signal.Dispose();
    }

    private void PutRecord(AbiRecord record, ReadOnlySpan<byte> bytes)
    {
        int at = RingAt + (int)(Head % (ulong)_bytes);
        Put(at, record with { State = 0 });
        Head += record.Size;
        bytes.CopyTo(_memory.WritableView((ulong)(at + Unsafe.SizeOf<AbiRecord>()), bytes.Length));
        Volatile.Write(ref MemoryMarshal.AsRef<uint>(_memory.WritableView((ulong)at, 4)), AbiNumbers.Whole);
    }

    private ref ulong Number(int at) => ref MemoryMarshal.AsRef<ulong>(_memory.WritableView((ulong)at, 8));
}
