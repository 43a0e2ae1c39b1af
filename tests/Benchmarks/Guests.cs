using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.TestGuests;

namespace VmiPl.Benchmarks;

/// <summary>The guests that are measured on: 512 MiB, about 270 tasks, paused, so that both sides of a ratio read the same.</summary>
internal static class Guests
{
    public const ulong MemoryBytes = 512UL << 20;

    public static GuestOptions Options(RamBackend ram) => new() { Ram = ram, ExtraProcesses = 178, MemoryMiB = (int)(MemoryBytes >> 20) };

    public static TestGuest Start(RamBackend ram)
    {
        Console.Error.WriteLine($"Booting a guest with {ram} RAM…");
        return TestGuest.Start(Options(ram));
    }

    public static VmiMachine Open(TestGuest guest) => MachineConnector.OpenProcess(guest.ProcessId, VmiLimits.Default);
}
