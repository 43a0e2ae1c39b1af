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
        // Paused: a guest that runs takes one of the cores that are measured.
        machine.GetMonitor().Suspend();
        sharedMachine.GetMonitor().Suspend();
        var passes = new StreamPasses(native, guest.ProcessId, machine.GetMemory(), sharedMachine.GetMemory());
        Compare("private RAM", passes.EnginePrivate, passes.NativePrivate, "process_vm_readv in C");
        Compare("shared RAM", passes.EngineShared, passes.NativeShared, "memcpy");

        void Compare(string what, Action engine, Action plain, string against)
        {
            (double nanoseconds, double ratio) = Paired.Run(engine, plain);
            report.Add($"Streaming read, {what}, Engine", $"{StreamPasses.Length / nanoseconds:0.0} GB/s");
            report.Add($"Streaming read, {what}, ratio to {against}", $"{ratio:0.00}", "0.90 or more", ratio >= 0.9);
        }
    }
}

/// <summary>One pass over 256 MiB of guest RAM in pieces of 1 MiB.</summary>
internal sealed unsafe class StreamPasses(NativeStream native, int pid, IGuestMemory privateRam, IGuestMemory sharedRam)
{
    public const long Length = 256L << 20;
    private const ulong Start = 64UL << 20;
    private static readonly byte[] Buffer = GC.AllocateUninitializedArray<byte>(1 << 20, pinned: true);
    private readonly ulong _host = RamAddress(pid);

    public void EnginePrivate() => Engine(privateRam);

    public void NativePrivate() => Whole(native.ReadProcess(pid, _host + Start, (ulong)Length, Buffer));

    public void EngineShared() => Engine(sharedRam);

    public void NativeShared()
    {
        if (!sharedRam.TryGetSpan(new GuestPhysicalAddress(Start), (int)Length, out ReadOnlySpan<byte> view))
            throw new InvalidOperationException("The shared RAM is not mapped.");
        fixed (byte* from = view)
            Whole(native.CopyMapping(from, (ulong)Length, Buffer));
    }

    private static void Engine(IGuestMemory memory)
    {
        for (long done = 0; done < Length; done += Buffer.Length)
        {
            if (memory.Read(new GuestPhysicalAddress(Start + (ulong)done), Buffer) != Buffer.Length)
                throw new InvalidOperationException($"A read at {Start + (ulong)done:x} came back short.");
        }
    }

    private static void Whole(long done)
    {
        if (done != Length)
            throw new InvalidOperationException("The C loop came back short.");
    }

    /// <summary>Where QEMU keeps the guest's RAM: the mapping of just that size (its translation buffer is larger).</summary>
    private static ulong RamAddress(int pid) =>
        File.ReadLines($"/proc/{pid}/maps").Select(line => line.Split(' ', 3))
            .Where(fields => fields[1].StartsWith("rw", StringComparison.Ordinal))
            .Select(fields => Array.ConvertAll(fields[0].Split('-'), text => Convert.ToUInt64(text, 16)))
            .Single(bounds => bounds[1] - bounds[0] == Guests.MemoryBytes)[0];
}
