using System.Diagnostics;
using System.Runtime.InteropServices;

namespace VmiPl.Benchmarks;

/// <summary>The plain C loops of <c>native/stream.c</c>, compiled with -O2 when the benchmarks start.</summary>
internal sealed unsafe class NativeStream : IDisposable
{
    private readonly nint _library;
    private readonly delegate* unmanaged<int, ulong, ulong, byte*, ulong, long> _process;
    private readonly delegate* unmanaged<byte*, ulong, byte*, ulong, long> _mapping;

    public NativeStream(string folder)
    {
        string library = Path.Combine(folder, "libstream.so");
        using Process compiler = Process.Start(new ProcessStartInfo("cc",
            ["-O2", "-shared", "-fPIC", "-o", library, Path.Combine(AppContext.BaseDirectory, "native", "stream.c")]))!;
        compiler.WaitForExit();
        if (compiler.ExitCode != 0)
            throw new InvalidOperationException("The C loops do not compile; is gcc installed?");
        _library = NativeLibrary.Load(library);
        _process = (delegate* unmanaged<int, ulong, ulong, byte*, ulong, long>)NativeLibrary.GetExport(_library, "stream_process");
        _mapping = (delegate* unmanaged<byte*, ulong, byte*, ulong, long>)NativeLibrary.GetExport(_library, "stream_mapping");
    }

    public long ReadProcess(int pid, ulong address, ulong length, byte[] buffer)
    {
        fixed (byte* to = buffer)
            return _process(pid, address, length, to, (ulong)buffer.Length);
    }

    public long CopyMapping(byte* from, ulong length, byte[] buffer)
    {
        fixed (byte* to = buffer)
            return _mapping(from, length, to, (ulong)buffer.Length);
    }

    public void Dispose() => NativeLibrary.Free(_library);
}
