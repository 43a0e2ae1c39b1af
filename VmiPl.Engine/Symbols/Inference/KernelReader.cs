using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Symbols.Inference;

/// <summary>Reads kernel memory in the kernel's own pointer size, within a budget: once that is spent every read fails, so
/// that no guest can keep an inference busy. Not thread-safe: one inference, one reader.</summary>
internal sealed class KernelReader(AddressSpace space, KernelLocation location, int budget)
{
    private int _budget = budget;

    /// <summary>The kernel's address space.</summary>
    public AddressSpace Space => space;

    /// <summary>Where the kernel image lies.</summary>
    public KernelLocation Location => location;

    /// <summary>Bytes of a pointer.</summary>
    public int PointerSize => space.PointerSize;

    /// <summary>Whether the address lies in the kernel image.</summary>
    public bool IsInImage(ulong address) => address - location.ImageStart.Value < location.ImageLength;

    /// <summary>Whether the address is one of the kernel's that is mapped.</summary>
    public bool IsKernel(ulong address) =>
        IsKernelHalf(address) && Spend() && space.TryTranslate(new GuestVirtualAddress(address), out Translation found) && !found.User;

    /// <summary>Whether a value looks like a pointer to any kernel object.</summary>
    public bool IsPointer(ulong value) => (value & (ulong)(PointerSize - 1)) == 0 && IsKernel(value);

    /// <summary>Reads up to a buffer of bytes; gives how many could be read.</summary>
    public int Read(ulong address, Span<byte> buffer) =>
        IsKernelHalf(address) && Spend() ? space.Read(new GuestVirtualAddress(address), buffer) : 0;

    /// <summary>Fills the buffer's end even where its beginning is not mapped; gives how many bytes at the end are good.</summary>
    public int ReadBackward(ulong start, Span<byte> buffer)
    {
        const int Page = 4096;
        int good = 0;
        while (good < buffer.Length)
        {
            int inPage = (int)((start + (ulong)(buffer.Length - good)) & (Page - 1));
            int want = Math.Min(inPage == 0 ? Page : inPage, buffer.Length - good);
            int at = buffer.Length - good - want;
            if (Read(start + (ulong)at, buffer.Slice(at, want)) != want)
                break;
            good += want;
        }
        return good;
    }

    /// <summary>Reads a pointer.</summary>
    public bool TryPointer(ulong address, out ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes = bytes[..PointerSize];
        bool whole = Read(address, bytes) == PointerSize;
        value = whole ? PointerAt(bytes, 0) : 0;
        return whole;
    }

    /// <summary>Whether the address holds exactly that pointer.</summary>
    public bool Holds(ulong address, ulong pointer) => TryPointer(address, out ulong value) && value == pointer;

    /// <summary>Reads 32 bits.</summary>
    public bool TryUInt32(ulong address, out uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        bool whole = Read(address, bytes) == 4;
        value = whole ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;
        return whole;
    }

    /// <summary>The pointer at an offset of bytes that were read; 0 where they do not reach that far.</summary>
    public ulong PointerAt(ReadOnlySpan<byte> bytes, int offset)
    {
        if (offset < 0 || offset + PointerSize > bytes.Length)
            return 0;
        return PointerSize == 8
            ? BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..])
            : BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);
    }

    // A 32-bit kernel may be built to begin as low as 1 GiB (CONFIG_VMSPLIT_1G).
    private bool IsKernelHalf(ulong address) =>
        PointerSize == 8 ? address >= 0xFF00_0000_0000_0000 : address is >= 0x4000_0000 and <= uint.MaxValue;

    private bool Spend() => --_budget >= 0;
}
