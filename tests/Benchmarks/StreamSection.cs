using BenchmarkDotNet.Attributes;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.TestGuests;

namespace VmiPl.Benchmarks;

/// <summary>Reading guest memory in a row through the Engine, against C loops that do nothing else.</summary>
internal static class StreamSection
{
    public static void Run(Report report)
    {
        using TestGuest guest = Guests.Start(RamBackend.Private);
        using TestGuest shared = Guests.Start(RamBackend.SharedMemfd);
        using var native = new NativeStream(guest.Folder);
        using VmiMachine machine = Guests.Open(guest), sharedMachine = Guests.Open(shared);
        StreamBenchmarks.Prepare(native, guest.ProcessId, machine.GetMemory(), sharedMachine.GetMemory());
        var results = Runner.Run<StreamBenchmarks>();
        Compare("private RAM", results[nameof(StreamBenchmarks.EnginePrivate)].Nanoseconds, results[nameof(StreamBenchmarks.NativePrivate)].Nanoseconds, "process_vm_readv in C");
        Compare("shared RAM", results[nameof(StreamBenchmarks.EngineShared)].Nanoseconds, results[nameof(StreamBenchmarks.NativeShared)].Nanoseconds, "memcpy");

        void Compare(string what, double engine, double plain, string against)
        {
            double speed = StreamBenchmarks.Length / engine, ratio = plain / engine;
            report.Add($"Streaming read, {what}, Engine", $"{speed:0.0} GB/s");
            report.Add($"Streaming read, {what}, ratio to {against}", $"{ratio:0.00}", "0.90 or more", ratio >= 0.9);
        }
    }
}

/// <summary>One pass over 256 MiB of guest RAM in pieces of 1 MiB.</summary>
public unsafe class StreamBenchmarks
{
    internal const long Length = 256L << 20;
    private const ulong Start = 64UL << 20;
    private static readonly byte[] Buffer = GC.AllocateUninitializedArray<byte>(1 << 20, pinned: true);
    private static NativeStream? _native;
    private static int _pid;
    private static ulong _host;
    private static IGuestMemory _private = null!, _shared = null!;

    internal static void Prepare(NativeStream native, int pid, IGuestMemory ram, IGuestMemory sharedRam)
    {
        (_native, _pid, _private, _shared) = (native, pid, ram, sharedRam);
        _host = RamAddress(pid);
    }

    [Benchmark]
    public long EnginePrivate() => Engine(_private);

    [Benchmark]
    public long NativePrivate() => _native!.ReadProcess(_pid, _host + Start, (ulong)Length, Buffer);

    [Benchmark]
    public long EngineShared() => Engine(_shared);

    [Benchmark]
    public long NativeShared()
    {
        if (!_shared.TryGetSpan(new GuestPhysicalAddress(Start), (int)Length, out ReadOnlySpan<byte> view))
            throw new InvalidOperationException("The shared RAM is not mapped.");
        fixed (byte* from = view)
            return _native!.CopyMapping(from, (ulong)Length, Buffer);
    }

    private static long Engine(IGuestMemory memory)
    {
        long done = 0;
        for (; done < Length; done += Buffer.Length)
        {
            if (memory.Read(new GuestPhysicalAddress(Start + (ulong)done), Buffer) != Buffer.Length)
                throw new InvalidOperationException($"A read at {Start + (ulong)done:x} came back short.");
        }
        return done;
    }

    /// <summary>Where QEMU keeps the guest's RAM: its largest mapping.</summary>
    private static ulong RamAddress(int pid) =>
        File.ReadLines($"/proc/{pid}/maps").Select(line => line.Split(' ', 3))
            .Where(fields => fields[1].StartsWith("rw", StringComparison.Ordinal))
            .Select(fields => Array.ConvertAll(fields[0].Split('-'), text => Convert.ToUInt64(text, 16)))
            .MaxBy(bounds => bounds[1] - bounds[0])![0];
}
