using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Probes.Shim;

/// <summary>The memory that a shim shares: counters, and the ring of records of which this is the reader. Whatever stands there may be a lie, and may
/// change while it is looked at: each number is read once, and checked. Writes nothing but the tail and whether it waits. Counters may be
/// read from any thread, all else is for one.</summary>
internal sealed class ShimRing : IDisposable
{
    private static readonly int HeadBytes = Unsafe.SizeOf<AbiRecord>();

    private readonly MappedRegion _memory;
    private readonly EventSignal _signal;
    private readonly ulong _ringAt, _ringBytes, _countersAt;
    private byte[] _record = new byte[4096];
    // Behind the last record that was taken, and as far as the shim knows of it.
    private ulong _taken, _told;

    private ShimRing(MappedRegion memory, EventSignal signal, in AbiRing head)
    {
        _memory = memory;
        _signal = signal;
        (_ringAt, _ringBytes, _countersAt) = (head.RingAt, head.RingBytes, head.CountersAt);
        _taken = _told = Volatile.Read(ref Number(AbiRing.TailAt));
    }

    /// <summary>Maps a ring of <paramref name="ringBytes"/>. Takes over <paramref name="signal"/>, not <paramref name="file"/>. Throws <c>ShimLost</c>
    /// for what is none.</summary>
    public static ShimRing Open(SafeFileHandle file, SafeFileHandle signal, int ringBytes)
    {
        if (!NativeFile.IsSealedMemory(file) || !NativeFile.TryGetFacts(file, out FileFacts facts))
            throw ShimProtocol.Broken("its memory is not sealed against shrinking");
        ulong size = facts.Size;
        const ulong Page = 4096;
        if (size < (ulong)Unsafe.SizeOf<AbiRing>() || size > (ulong)ringBytes + AbiNumbers.MaxProbes * (ulong)Unsafe.SizeOf<AbiCounters>() + 16 * Page)
            throw ShimProtocol.Broken($"it shares {size} bytes of memory");
        MappedRegion memory = MappedRegion.TryMap(file, 0, size, writable: true, out int error)
            ?? throw new VmiException(VmiErrorCode.ShimLost, $"The shim's memory can't be mapped: {Errno.Text(error)}.");
        AbiRing head = MemoryMarshal.Read<AbiRing>(memory.View(0, Unsafe.SizeOf<AbiRing>()));
        bool isKnown = head.Magic == AbiNumbers.ShimMagic && head.Abi == AbiNumbers.ShimAbi && head.RingBytes == (uint)ringBytes && head.Tail % 8 == 0;
        if (!isKnown || !Holds(head.RingAt, (ulong)ringBytes) || !Holds(head.CountersAt, AbiNumbers.MaxProbes * (ulong)Unsafe.SizeOf<AbiCounters>()))
            throw ShimProtocol.Broken("its memory does not begin as agreed");
        return new ShimRing(memory, new EventSignal(signal), head);

        bool Holds(uint at, ulong length) => at % 8 == 0 && at >= Unsafe.SizeOf<AbiRing>() && at <= size && length <= size - at;
    }

    /// <summary>What a probe has done, by its id.</summary>
    public AbiCounters CountersOf(int probe) => (uint)probe < AbiNumbers.MaxProbes
        ? MemoryMarshal.Read<AbiCounters>(_memory.View(_countersAt + (ulong)(probe * Unsafe.SizeOf<AbiCounters>()), Unsafe.SizeOf<AbiCounters>()))
        : default;

    /// <summary>How far records have been begun: what was there at a moment is taken when <see cref="Taken"/> has come so far.</summary>
    public ulong Begun => Volatile.Read(ref Number(AbiRing.HeadAt));

    /// <summary>How far records have been taken.</summary>
    public ulong Taken => _taken;

    /// <summary>Takes the next whole record, or false where there is none yet. <paramref name="bytes"/> are a copy that holds until the next call. Throws
    /// <c>ShimLost</c> for what no shim writes.</summary>
    public bool TryTake(out AbiRecord record, out ReadOnlySpan<byte> bytes)
    {
        while (TryTakeAny(out record, out bytes))
        {
            if (record.Kind != AbiRecordKind.Pad)
                return true;
        }
        return false;
    }

    /// <summary>Lets the shim have the room of what was taken.</summary>
    public void Release()
    {
        _told = _taken;
        Volatile.Write(ref Number(AbiRing.TailAt), _taken);
    }

    /// <summary>Waits for so many milliseconds, or until <paramref name="stop"/> is given: who makes records meanwhile wakes nobody.</summary>
    public void Nap(EventSignal stop, int milliseconds)
    {
        Release();
        Readiness.Wait(stop.Handle, null, milliseconds);
    }

    /// <summary>Waits for a record that may be taken, at most <paramref name="milliseconds"/>, or until <paramref name="stop"/> is given.</summary>
    public void Wait(EventSignal stop, int milliseconds)
    {
        Release();
        ref uint waiting = ref MemoryMarshal.AsRef<uint>(_memory.WritableView(AbiRing.WaitingAt, sizeof(uint)));
        Interlocked.Exchange(ref waiting, 1);
        if (!IsWholeNext() && Readiness.Wait(_signal.Handle, stop, milliseconds))
            _signal.Reset();
        Interlocked.Exchange(ref waiting, 0);
    }

    /// <inheritdoc/>
    public void Dispose() => _signal.Dispose();

    private bool TryTakeAny(out AbiRecord record, out ReadOnlySpan<byte> bytes)
    {
        record = default;
        bytes = default;
        ulong ready = Ready();
        ulong left = SkipEnd(ref ready);
        if (ready == 0)
            return false;
        if (ready < (ulong)HeadBytes)
            throw ShimProtocol.Broken("a record's head is cut");
        ulong at = _ringAt + (_taken & (_ringBytes - 1));
        if (Volatile.Read(ref Small(at)) != AbiNumbers.Whole)
            return false;
        record = MemoryMarshal.Read<AbiRecord>(_memory.View(at, HeadBytes));
        if (record.Size < (uint)HeadBytes || record.Size % 8 != 0 || record.Size > left || record.Size > ready)
            throw ShimProtocol.Broken($"a record of {record.Size} bytes");
        if (record.Kind > AbiRecordKind.Kept)
            throw ShimProtocol.Broken($"a record of kind {(int)record.Kind}");
        if (record.Kind != AbiRecordKind.Pad)
        {
            if (record.Bytes > record.Size - (uint)HeadBytes)
                throw ShimProtocol.Broken($"a record of {record.Size} bytes with {record.Bytes} in it");
            if (_record.Length < record.Bytes)
                _record = new byte[record.Bytes];
            _memory.View(at + (ulong)HeadBytes, (int)record.Bytes).CopyTo(_record);
            bytes = _record.AsSpan(0, (int)record.Bytes);
        }
        _taken += record.Size;
        if (_taken - _told > _ringBytes / 16)
            Release();
        return true;
    }

    private bool IsWholeNext()
    {
        ulong ready = Ready();
        SkipEnd(ref ready);
        // What is wrong with it is said when it is taken.
        return ready > 0 && Volatile.Read(ref Small(_ringAt + (_taken & (_ringBytes - 1)))) == AbiNumbers.Whole;
    }

    private ulong Ready()
    {
        ulong ready = Begun - _taken;
        return ready <= _ringBytes && ready % 8 == 0 ? ready : throw ShimProtocol.Broken("its ring holds more than it can");
    }

    /// <summary>Passes the ring's end where no head fits there. Gives how many bytes are left to the end.</summary>
    private ulong SkipEnd(ref ulong ready)
    {
        ulong left = _ringBytes - (_taken & (_ringBytes - 1));
        if (ready == 0 || left >= (ulong)HeadBytes)
            return left;
        if (ready < left)
            throw ShimProtocol.Broken("its ring ends in the midst of its rest");
        _taken += left;
        ready -= left;
        return _ringBytes;
    }

    private ref ulong Number(ulong at) => ref MemoryMarshal.AsRef<ulong>(_memory.WritableView(at, sizeof(ulong)));

    private ref uint Small(ulong at) => ref MemoryMarshal.AsRef<uint>(_memory.WritableView(at, sizeof(uint)));
}
