using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>A piece of a file mapped shared into this process. It is unmapped when nothing refers to it any more, not
/// earlier: so a reader in another thread never meets a mapping that is gone, and needs no lock for it.</summary>
internal sealed unsafe class MappedRegion : SafeHandle
{
    private MappedRegion(void* address, ulong length)
        : base(0, ownsHandle: true)
    {
        Length = length;
        SetHandle((nint)address);
    }

    /// <summary>Length in bytes.</summary>
    public ulong Length { get; }

    /// <summary>Where it lies in this process.</summary>
    public ulong Address => (ulong)handle;

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Maps <paramref name="length"/> bytes from <paramref name="offset"/> (a multiple of the page size) on. Null
    /// with the error number where it can't be done.</summary>
    public static MappedRegion? TryMap(SafeFileHandle file, ulong offset, ulong length, bool writable, out int error)
    {
        int protection = LibC.PROT_READ | (writable ? LibC.PROT_WRITE : 0);
        // NORESERVE: the memory is the guest's already; mapping it costs the host nothing.
        void* address = LibC.mmap(
            null, (size_t)length, protection, LibC.MAP_SHARED | LibC.MAP_NORESERVE, (int)file.DangerousGetHandle(), (long)offset);
        bool failed = (nint)address == -1;
        error = failed ? LibC.errno : 0;
        return failed ? null : new MappedRegion(address, length);
    }

    /// <summary>A view of a piece. Throws where the piece leaves the region.</summary>
    public ReadOnlySpan<byte> View(ulong offset, int length) => WritableView(offset, length);

    /// <summary>A view through which a region that was mapped writable can be changed. Throws as <see cref="View"/>.</summary>
    public Span<byte> WritableView(ulong offset, int length)
    {
        if (offset > Length || (ulong)length > Length - offset)
            throw new ArgumentOutOfRangeException(nameof(offset));
        return new Span<byte>((byte*)handle + offset, length);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => LibC.munmap((void*)handle, (size_t)Length) == 0;
}
