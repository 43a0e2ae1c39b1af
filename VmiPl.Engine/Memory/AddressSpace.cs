using System.Buffers.Binary;
using VmiPl.Errors;

namespace VmiPl.Memory;

/// <summary>One virtual address space of the guest: a page-table root over physical memory. Reads cross pages; a read that
/// meets an unmapped page gives what lies before it.
/// <para>Translations are remembered until <see cref="Forget"/>. The rule: every operation (one list, one read command)
/// begins on a fresh or forgotten space, so a translation is never older than the operation that uses it. Not
/// thread-safe: one operation, one space.</para></summary>
public sealed class AddressSpace
{
    private readonly TranslationCache _translations = new();

    /// <summary>Makes a space over <paramref name="memory"/>, which it does not own. <paramref name="root"/> is a CR3 value;
    /// PCID and flag bits are masked off.</summary>
    public AddressSpace(IGuestMemory memory, PagingMode mode, GuestPhysicalAddress root)
    {
        Memory = memory;
        Mode = mode;
        Root = new GuestPhysicalAddress(root.Value & PageTableWalker.RootMask(mode));
        PointerSize = mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4;
    }

    /// <summary>The physical memory under the space.</summary>
    public IGuestMemory Memory { get; }

    /// <summary>How addresses are translated.</summary>
    public PagingMode Mode { get; }

    /// <summary>The top page table.</summary>
    public GuestPhysicalAddress Root { get; }

    /// <summary>Bytes of a pointer: 8 in long mode, else 4. A 32-bit program on a 64-bit kernel has smaller ones of its own.</summary>
    public int PointerSize { get; }

    /// <summary>The same space with another root, with no translation remembered.</summary>
    public AddressSpace WithRoot(GuestPhysicalAddress root) => new(Memory, Mode, root);

    /// <summary>Drops every remembered translation.</summary>
    public void Forget() => _translations.Clear();

    /// <summary>Where an address leads, or false where it is not mapped.</summary>
    public bool TryTranslate(GuestVirtualAddress address, out Translation translation)
    {
        if (_translations.TryGet(address.Value, out translation))
            return true;
        if (!PageTableWalker.TryTranslate(Memory, Mode, Root, address, out translation))
            return false;
        _translations.Add(address.Value, translation);
        return true;
    }

    /// <summary>What is mapped between two addresses, both inclusive; see <see cref="PageTableWalker.Ranges"/>.</summary>
    public IEnumerable<VirtualRange> Ranges(GuestVirtualAddress first, GuestVirtualAddress last, VmiLimits? limits = null) =>
        PageTableWalker.Ranges(Memory, Mode, Root, first, last, limits ?? VmiLimits.Default);

    /// <summary>Reads from the start of the buffer on; returns the bytes that could be read before the first unmapped or
    /// unbacked page.</summary>
    public int Read(GuestVirtualAddress address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            if (!TryPiece(address, done, buffer.Length, out GuestPhysicalAddress physical, out int piece))
                break;
            int got = Memory.Read(physical, buffer.Slice(done, piece));
            done += got;
            if (got < piece)
                break;
        }
        return done;
    }

    /// <summary>Writes from the start of <paramref name="bytes"/> on; returns the bytes written. The page tables' write
    /// permission is not looked at: an operator may change what the guest may not.</summary>
    public int Write(GuestVirtualAddress address, ReadOnlySpan<byte> bytes)
    {
        int done = 0;
        while (done < bytes.Length)
        {
            if (!TryPiece(address, done, bytes.Length, out GuestPhysicalAddress physical, out int piece))
                break;
            int put = Memory.Write(physical, bytes.Slice(done, piece));
            done += put;
            if (put < piece)
                break;
        }
        return done;
    }

    /// <summary>Reads exactly the whole buffer, or returns false.</summary>
    public bool TryRead(GuestVirtualAddress address, Span<byte> buffer) => Read(address, buffer) == buffer.Length;

    /// <summary>Gives <paramref name="scratch"/>'s length of bytes at an address: the memory itself where it is mapped here in one
    /// piece, so that only what is looked at is touched, else a copy in <paramref name="scratch"/>. The view is valid until the
    /// next call on this space; the guest may change it meanwhile, so read each value once.</summary>
    public bool TryView(GuestVirtualAddress address, Span<byte> scratch, out ReadOnlySpan<byte> view)
    {
        if (TryTranslate(address, out Translation translation)
            && translation.PageSize - (address.Value & (translation.PageSize - 1)) >= (ulong)scratch.Length
            && Memory.TryGetSpan(translation.Physical, scratch.Length, out view))
            return true;
        view = scratch;
        return TryRead(address, scratch);
    }

    /// <summary>Reads a little-endian 64-bit value.</summary>
    public bool TryReadUInt64(GuestVirtualAddress address, out ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        bool whole = TryRead(address, bytes);
        value = whole ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
        return whole;
    }

    /// <summary>Reads a little-endian 32-bit value.</summary>
    public bool TryReadUInt32(GuestVirtualAddress address, out uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        bool whole = TryRead(address, bytes);
        value = whole ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;
        return whole;
    }

    /// <summary>Reads a pointer of <see cref="PointerSize"/> bytes.</summary>
    public bool TryReadPointer(GuestVirtualAddress address, out GuestVirtualAddress value)
    {
        bool whole;
        ulong number;
        if (PointerSize == 8)
        {
            whole = TryReadUInt64(address, out number);
        }
        else
        {
            whole = TryReadUInt32(address, out uint half);
            number = half;
        }
        value = new GuestVirtualAddress(number);
        return whole;
    }

    /// <summary>Reads bytes up to a NUL, at most <paramref name="buffer"/>'s length. Returns how many bytes stand before the
    /// NUL, the end of the buffer or the first unreadable byte; <paramref name="terminated"/> tells whether a NUL was met.</summary>
    public int ReadString(GuestVirtualAddress address, Span<byte> buffer, out bool terminated)
    {
        const int Step = 256;
        int done = 0;
        while (done < buffer.Length && address.Value + (ulong)done >= address.Value)
        {
            // Short steps: most strings are short, and the page behind may be unmapped.
            int want = Math.Min(Step - (int)((address.Value + (ulong)done) & (Step - 1)), buffer.Length - done);
            Span<byte> piece = buffer.Slice(done, want);
            int got = Read(address + (ulong)done, piece);
            int nul = piece[..got].IndexOf((byte)0);
            if (nul >= 0)
            {
                terminated = true;
                return done + nul;
            }
            done += got;
            if (got < want)
                break;
        }
        terminated = false;
        return done;
    }

    /// <summary>Makes one batched read of the pages that hold <paramref name="length"/> bytes at each address, so that the
    /// reads that follow find them; does nothing where the memory is no <see cref="SnapshotMemory"/> or needs no copies.</summary>
    public void Prefetch(ReadOnlySpan<GuestVirtualAddress> addresses, int length)
    {
        if (Memory is not SnapshotMemory { KeepsCopies: true } snapshot)
            return;
        foreach (GuestVirtualAddress address in addresses)
        {
            ulong end = address.Value + Math.Min((ulong)Math.Max(length, 1) - 1, ulong.MaxValue - address.Value);
            for (ulong page = address.Value & ~0xFFFUL; page <= end; page += 4096)
            {
                if (TryTranslate(new GuestVirtualAddress(page), out Translation translation))
                    snapshot.Want(translation.Physical);
                if (page > ulong.MaxValue - 4096)
                    break;
            }
        }
        snapshot.FetchWanted();
    }

    /// <summary>The next piece of a transfer that lies in one page.</summary>
    private bool TryPiece(GuestVirtualAddress address, int done, int total, out GuestPhysicalAddress physical, out int length)
    {
        GuestVirtualAddress at = address + (ulong)done;
        // A transfer never wraps from the top of the address space to its bottom.
        if (at.Value < address.Value || !TryTranslate(at, out Translation translation))
        {
            physical = default;
            length = 0;
            return false;
        }
        physical = translation.Physical;
        ulong inPage = translation.PageSize - (at.Value & (translation.PageSize - 1));
        length = (int)Math.Min(inPage, (ulong)(total - done));
        return true;
    }
}
