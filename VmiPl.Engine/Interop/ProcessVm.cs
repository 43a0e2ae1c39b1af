using System.Runtime.InteropServices;

namespace VmiPl.Interop;

/// <summary>One piece of a transfer with another process: <paramref name="Length"/> bytes at <paramref name="Address"/> over
/// there are bytes from <paramref name="Offset"/> on of the buffer here.</summary>
internal readonly record struct ProcessPiece(ulong Address, int Offset, int Length);

/// <summary><c>process_vm_readv</c> and <c>process_vm_writev</c> (man 2 process_vm_readv): copies between two processes in
/// one call, refused with an error, never a signal, where an address is not mapped. The kernel demands ptrace rights.</summary>
internal static unsafe partial class ProcessVm
{
    /// <summary>Most pieces of one call. The kernel's own bound (IOV_MAX) is 1024; this many keep the stack frame at 8 KiB.</summary>
    public const int MaxPieces = 256;

    private readonly struct IoVector(nuint start, nuint length)
    {
        public readonly nuint Start = start;
        public readonly nuint Length = length;
    }

    /// <summary>Reads one piece. Returns the bytes read from its start on, 0 with the error number where none could be.</summary>
    public static int Read(int pid, ulong address, Span<byte> buffer, out int error)
    {
        fixed (byte* local = buffer)
        {
            var here = new IoVector((nuint)local, (nuint)buffer.Length);
            var there = new IoVector((nuint)address, (nuint)buffer.Length);
            return Done(process_vm_readv(pid, &here, 1, &there, 1, 0), out error);
        }
    }

    /// <summary>Writes one piece; results as of <see cref="Read(int, ulong, Span{byte}, out int)"/>.</summary>
    public static int Write(int pid, ulong address, ReadOnlySpan<byte> bytes, out int error)
    {
        fixed (byte* local = bytes)
        {
            var here = new IoVector((nuint)local, (nuint)bytes.Length);
            var there = new IoVector((nuint)address, (nuint)bytes.Length);
            return Done(process_vm_writev(pid, &here, 1, &there, 1, 0), out error);
        }
    }

    /// <summary>Reads up to <see cref="MaxPieces"/> pieces in one call. Returns the bytes read, counted through the pieces in
    /// their order: the call ends at the first byte that cannot be read.</summary>
    public static int Read(int pid, ReadOnlySpan<ProcessPiece> pieces, Span<byte> buffer, out int error)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pieces.Length, MaxPieces);
        IoVector* here = stackalloc IoVector[pieces.Length];
        IoVector* there = stackalloc IoVector[pieces.Length];
        fixed (byte* local = buffer)
        {
            for (int i = 0; i < pieces.Length; i++)
            {
                ProcessPiece piece = pieces[i];
                if ((uint)piece.Offset > (uint)buffer.Length || (uint)piece.Length > (uint)(buffer.Length - piece.Offset))
                    throw new ArgumentOutOfRangeException(nameof(pieces));
                here[i] = new IoVector((nuint)(local + piece.Offset), (nuint)piece.Length);
                there[i] = new IoVector((nuint)piece.Address, (nuint)piece.Length);
            }
            return Done(process_vm_readv(pid, here, (nuint)pieces.Length, there, (nuint)pieces.Length, 0), out error);
        }
    }

    private static int Done(nint result, out int error)
    {
        error = result < 0 ? Marshal.GetLastPInvokeError() : 0;
        return result < 0 ? 0 : (int)result;
    }

    // Not in Tmds.LibC.
    [LibraryImport("libc", SetLastError = true)]
    private static partial nint process_vm_readv(int pid, IoVector* local, nuint localCount, IoVector* remote, nuint remoteCount, nuint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint process_vm_writev(int pid, IoVector* local, nuint localCount, IoVector* remote, nuint remoteCount, nuint flags);
}
