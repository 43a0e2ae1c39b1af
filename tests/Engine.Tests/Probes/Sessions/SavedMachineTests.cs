using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>A machine's memory goes elsewhere while traps are in it: they stay behind. In the KVM lab; elsewhere no traps are in memory but TCG's own.</summary>
[Collection(nameof(SessionGuests))]
[Trait(LabSet.Trait, LabSet.Shim)]
public sealed class SavedMachineTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("dump-guest-memory -d {0}", "running")]
    [InlineData("migrate -d \"exec:cat > {0}\"", "postmigrate")]
    public async Task No_trap_goes_along_and_the_probes_go_on(string command, string status)
    {
        SessionOptions options = ProbeRun.Options() with { TrapKind = KvmLab.IsInside ? TrapKind.Port : TrapKind.Auto };
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_12.Name, 2);
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, VmiLimits.Default);
        LinuxGuest linux = LinuxGuest.Of(machine);
        using var folder = new TemporaryFolder();
        await loan.Guest.CommandAsync("load on", Cancel);
        SortedDictionary<ulong, byte[]> text = QemuTrace.Text(linux);
        List<VmiRecord> seeks;
        using (ProbeRun run = ProbeRun.Start(loan.Guest, "Syscall(lseek){ ReadRegister(RDI, #lseek) ReadRegister(RSI, #lseek) }", options))
        {
            (byte[] Own, byte[] Trapped)[] pages = [.. Changed(text, QemuTrace.Text(linux))];
            Assert.Equal(KvmLab.IsInside, pages.Length > 0);

            string file = folder.File("memory");
            // Under load a migration comes to no end within the usual 0.3 s of downtime.
            run.Machine.GetMonitor().HumanCommand("migrate_set_parameter downtime-limit 20000");
            // A dump that has come to its end forbids a migration for a moment after the machine runs again.
            IdleQemu.Await(() => run.Machine.GetMonitor().HumanCommand(string.Format(null, command, file)).Trim() switch
            {
                "" => true,
                string answer when answer.Contains("in progress", StringComparison.Ordinal) => false,
                string answer => throw new InvalidOperationException(answer),
            });
            IdleQemu.Await(() => QemuTrace.Status(loan.Guest) == status);
            byte[] saved = await File.ReadAllBytesAsync(file, Cancel);
            Assert.All(pages, page => Assert.Equal((true, false), (saved.AsSpan().IndexOf(page.Own) >= 0, saved.AsSpan().IndexOf(page.Trapped) >= 0)));

            run.Drain("lseek");
            if (status != "running")
                run.Machine.GetMonitor().HumanCommand("cont");
            // The gdbstub's session hears of the machine's return within some tenths of a second.
            for (long start = Stopwatch.GetTimestamp(); run.Drain("lseek").Count == 0 && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60);)
                await loan.Guest.CommandAsync("calls 20", Cancel);
            // The load seeks as well: between the two records of a call is no place to begin at.
            Assert.Equal(0ul, (await loan.Guest.FactsAsync("load status", Cancel))["errors"]);
            await loan.Guest.CommandAsync("load off", Cancel);
            run.Drain("lseek");
            await loan.Guest.CommandAsync("calls 200", Cancel);
            seeks = run.Stop("lseek");
        }
        HardwareSessionTests.AssertSeeks(200, seeks);
        Assert.Empty(Changed(text, QemuTrace.Text(linux)));
    }

    // Pages of code that are not as they were.
    private static IEnumerable<(byte[] Before, byte[] After)> Changed(SortedDictionary<ulong, byte[]> before, SortedDictionary<ulong, byte[]> after) =>
        from section in before
        from pair in section.Value.Chunk(4096).Zip(after[section.Key].Chunk(4096))
        where !pair.First.AsSpan().SequenceEqual(pair.Second)
        select pair;
}
