using System.Diagnostics;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Symbols;
using VmiPl.TestGuests;

namespace VmiPl.Benchmarks;

/// <summary>From nothing to the first list in a session that is warm: find the process's memory, find the kernel, decode its
/// profile, list. With an empty cache and with a filled one.</summary>
internal static class AttachSection
{
    private const int Rounds = 15;

    public static void Run(Report report)
    {
        using TestGuest guest = Guests.Start(RamBackend.Private);
        string folder = Path.Combine(guest.Folder, "profiles");
        for (int i = 0; i < 3; i++)
            Once(guest, null);   // the session is running: code is compiled, pages are in

        (double cold, long coldBytes) = Median(guest, () =>
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
            return new ProfileCache(folder);
        });
        (double warm, long warmBytes) = Median(guest, () => new ProfileCache(folder));
        report.Add("Attach, profile, first list, cache empty", $"{cold:0} ms", "under 300 ms", cold < 300);
        report.Add("Managed memory of that", $"{coldBytes / 1e6:0.0} MB");
        report.Add("Attach, profile, first list, with the cache", $"{warm:0} ms", "under 50 ms", warm < 50);
        report.Add("Managed memory of that", $"{warmBytes / 1e6:0.0} MB");
    }

    private static (double Milliseconds, long Bytes) Median(TestGuest guest, Func<ProfileCache> cache)
    {
        var rounds = new List<(double Milliseconds, long Bytes)>();
        for (int i = 0; i < Rounds; i++)
        {
            ProfileCache own = cache();
            GC.Collect();
            rounds.Add(Once(guest, own));
        }
        return rounds.OrderBy(round => round.Milliseconds).ElementAt(Rounds / 2);
    }

    private static (double Milliseconds, long Bytes) Once(TestGuest guest, ProfileCache? cache)
    {
        long bytes = GC.GetTotalAllocatedBytes(precise: true), start = Stopwatch.GetTimestamp();
        using VmiMachine machine = Guests.Open(guest);
        if (LinuxGuest.Open(machine, cache).Processes().Processes.Count == 0)
            throw new InvalidOperationException("The list is empty.");
        return (Stopwatch.GetElapsedTime(start).TotalMilliseconds, GC.GetTotalAllocatedBytes(precise: true) - bytes);
    }
}
