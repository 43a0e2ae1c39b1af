using BenchmarkDotNet.Attributes;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.TestGuests;

namespace VmiPl.Benchmarks;

/// <summary>A warm process list with every field, on shared and on private RAM.</summary>
internal static class ListSection
{
    public static void Run(Report report)
    {
        using TestGuest guest = Guests.Start(RamBackend.Private), shared = Guests.Start(RamBackend.SharedMemfd);
        using VmiMachine machine = Guests.Open(guest), sharedMachine = Guests.Open(shared);
        machine.GetMonitor().Suspend();
        sharedMachine.GetMonitor().Suspend();
        ListBenchmarks.Prepare(LinuxGuest.Of(machine), LinuxGuest.Of(sharedMachine));
        int tasks = ListBenchmarks.Tasks;
        var results = Runner.Run<ListBenchmarks>();
        Add("shared RAM", results[nameof(ListBenchmarks.Shared)], 0.5);
        Add("private RAM", results[nameof(ListBenchmarks.Private)], 2);

        void Add(string what, (double Nanoseconds, long Bytes) result, double aim)
        {
            double milliseconds = result.Nanoseconds / 1e6, bytes = (double)result.Bytes / tasks;
            report.Add($"Warm process list, {tasks} tasks, {what}", $"{milliseconds:0.00} ms", $"under {aim} ms", milliseconds < aim);
            report.Add($"Managed memory per task, {what}", $"{bytes:0} B", "under 1024 B", bytes < 1024);
        }
    }
}

public class ListBenchmarks
{
    private static LinuxGuest _private = null!, _shared = null!;

    internal static int Tasks { get; private set; }

    internal static void Prepare(LinuxGuest guest, LinuxGuest shared)
    {
        (_private, _shared) = (guest, shared);
        Tasks = _shared.Processes().Processes.Count;
        // "Warm" means that the runtime has compiled the walk for good, which it does in the background after some hundred calls.
        for (int i = 0; i < 500; i++)
        {
            _private.Processes();
            _shared.Processes();
        }
    }

    [Benchmark]
    public int Private() => _private.Processes().Processes.Count;

    [Benchmark]
    public int Shared() => _shared.Processes().Processes.Count;
}
