using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VmiPl.Compilation.Bytecode;

namespace VmiPl.Probes.Interpreter;

/// <summary>The one run of bytes that a program can address: its frames, and behind them its scratch buffer. Every access is
/// checked against its ends and against nothing else.</summary>
internal readonly struct ProgramMemory(int scratchBytes)
{
    private readonly byte[] _bytes = new byte[ProbeProgram.StackBytes + scratchBytes];

    /// <summary>All of it.</summary>
    public Span<byte> Bytes => _bytes;

    /// <summary>The frame of so many calls.</summary>
    public Span<byte> Frame(int depth) => _bytes.AsSpan(depth * ProbeProgram.FrameBytes, ProbeProgram.FrameBytes);

    /// <summary>The bytes at an address; false where they do not lie wholly within. No bytes lie within at any address of program
    /// memory and right behind it.</summary>
    public bool TryGet(ulong address, ulong size, out Span<byte> bytes)
    {
        ulong at = address - ProbeProgram.MemoryBase, length = (ulong)_bytes.Length;
        if (at > length || size > length - at)
        {
            bytes = default;
            return false;
        }
        bytes = _bytes.AsSpan((int)at, (int)size);
        return true;
    }

    // An address below the base wraps to a large number, and there are more than 8 bytes: one comparison sees every bad access.
    // Inlined: the interpreter's loop keeps more in registers when it makes no calls.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLoad8(ulong address, out ulong value)
    {
        ulong at = address - ProbeProgram.MemoryBase;
        bool isInside = at < (ulong)_bytes.Length;
        value = isInside ? _bytes[at] : 0UL;
        return isInside;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLoad16(ulong address, out ulong value)
    {
        ulong at = address - ProbeProgram.MemoryBase;
        bool isInside = at <= (ulong)_bytes.Length - 2;
        value = isInside ? BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan((int)at)) : 0UL;
        return isInside;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLoad32(ulong address, out ulong value)
    {
        ulong at = address - ProbeProgram.MemoryBase;
        bool isInside = at <= (ulong)_bytes.Length - 4;
        value = isInside ? BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan((int)at)) : 0UL;
        return isInside;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLoad64(ulong address, out ulong value)
    {
        ulong at = address - ProbeProgram.MemoryBase;
        bool isInside = at <= (ulong)_bytes.Length - 8;
        value = isInside ? BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan((int)at)) : 0UL;
        return isInside;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStore8(ulong address, ulong value)
    {
        ulong at = address - ProbeProgram.MemoryBase;
        if (at >= (ulong)_bytes.Length)
            return false;
        _bytes[at] = (byte)value;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStore16(ulong address, ulong value)
    {
        ulong at = address - ProbeProgram.MemoryBase;
        if (at > (ulong)_bytes.Length - 2)
            return false;
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan((int)at), (ushort)value);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStore32(ulong address, ulong value)
    {
        ulong at = address - ProbeProgram.MemoryBase;
        if (at > (ulong)_bytes.Length - 4)
            return false;
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan((int)at), (uint)value);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStore64(ulong address, ulong value)
    {
        ulong at = address - ProbeProgram.MemoryBase;
        if (at > (ulong)_bytes.Length - 8)
            return false;
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan((int)at), value);
        return true;
    }
}
