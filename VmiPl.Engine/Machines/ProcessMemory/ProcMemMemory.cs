using Microsoft.Win32.SafeHandles;
using VmiPl.Interop;
using VmiPl.Machines.Processes;
using VmiPl.Memory;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Guest RAM through <c>/proc/PID/mem</c>: for kernels and sandboxes without <c>process_vm_readv</c>. The open file is
/// tied to the process, never to a later one of the same id. Safe from any thread.</summary>
internal sealed class ProcMemMemory : IGuestMemory, IDisposable
{
    private readonly RamMap _map;
    private readonly ProcessIdentity _process;
    private readonly SafeFileHandle _file;
    private readonly bool _writable;

    private ProcMemMemory(ProcessIdentity process, RamMap map, SafeFileHandle file, bool writable)
    {
        _process = process;
        _map = map;
        _file = file;
        _writable = writable;
    }

    /// <inheritdoc/>
    public IReadOnlyList<PhysicalRange> Ranges => _map.Ranges;

    /// <inheritdoc/>
    public MemoryAccess Access => MemoryAccess.ProcMem;

    /// <summary>Opens the memory of a process, which it does not own; null with the error number where that is refused.</summary>
    public static ProcMemMemory? TryOpen(ProcessIdentity process, RamMap map, out int error)
    {
        string path = ProcFs.PathOf(process.Id, "mem");
        SafeFileHandle? file = NativeFile.TryOpen(path, writable: true, out error);
        bool writable = file is not null;
        file ??= NativeFile.TryOpen(path, writable: false, out error);
        return file is null ? null : new ProcMemMemory(process, map, file, writable);
    }

    /// <inheritdoc/>
    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        _process.DemandNowAndThen();
        int done = 0;
        while (done < buffer.Length && _map.TryFind(address.Value + (ulong)done, out ulong host, out ulong left))
        {
            int want = (int)Math.Min(left, (ulong)(buffer.Length - done));
            int got = NativeFile.Read(_file, host, buffer.Slice(done, want));
            done += got;
            if (got < want)
            {
                // Short at the end of a mapping, and when the process is gone.
                _process.Demand();
                break;
            }
        }
        return done;
    }

    /// <inheritdoc/>
    public int Write(GuestPhysicalAddress address, ReadOnlySpan<byte> bytes)
    {
        _process.Demand();
        int done = 0;
        while (_writable && done < bytes.Length && _map.TryFind(address.Value + (ulong)done, out ulong host, out ulong left))
        {
            int want = (int)Math.Min(left, (ulong)(bytes.Length - done));
            int put = NativeFile.Write(_file, host, bytes.Slice(done, want));
            done += put;
            if (put < want)
                break;
        }
        return done;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
