using System.Globalization;
using VmiPl.Errors;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>The same scripts, at the same work of the same guest, through both drivers: the same records.</summary>
[Collection(nameof(SessionGuests))]
public sealed class DriverDifferenceTests(ITestOutputHelper output)
{
    private static readonly string[] _scripts =
    [
        """
        Syscall(lseek){ ReadRegister(RDI, #a) ReadRegister(RSI, #a) ReadRegister(RDX, #a) }
        Syscall(openat){ ReadString(RSI, 64, #b) ReadMemoryAt(RSI, 8, 0, #b) ReadRegister(RAX, #b) }
        """,
        """
        Syscall(77){ ReadRegister(RDI, #a) }
        Syscall(kill){ RegisterHasValue(RSI, 2){ ReadRegister(RDI, #b) } }
        """,
        """
        Syscall(-){ RegisterHasValue(RAX, 77){ ReadRegister(RSI, #a) } }
        OnExternalRequest(7){ ReadMemory(0x10, 16, #d) ReadString(linux_banner, 30, #d) ReadMemory(linux_banner, 0x2000, #d) }
        """,
        """
        OnExternalRequest(7){ ProcessList(PID, NAME, PATH, PGDP, #a) ReadRegister(CR4, #a) Reconfigure(1){ ReadRegister(RDI, #b) } }
        Syscall(ftruncate){ }
        ReadAt(panic_timeout){ ReadMemory(panic_timeout, 4, #c) ReadRegister(RIP, #c) }
        Interrupt(3){ ReadRegister(RIP, #d) ReadRegister(CS, #d) }
        """,
        """
        WriteAt(panic_timeout){ ReadMemory(panic_timeout, 4, #a) ValueAtAddressIs(panic_timeout, 5, 4){ ReadRegister(RIP, #a) } }
        ExecuteAt(do_exit){ ReadRegister(RDI, #b) ReadMemoryAt(RSP, 8, 0, #b) }
        """,
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Both_give_the_same_records()
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_1.Name, 1);
        if (!KvmLab.IsInside)
        {
            // One driver is all there is for guests that are not KVM's.
            Assert.Equal(VmiErrorCode.ShimUnavailable, (await Assert.ThrowsAsync<VmiException>(() => RecordsAsync(loan.Guest, _scripts[0], SessionDriver.Shim))).Code);
            return;
        }
        string[] examples = !FullCounts.AreWanted ? [] : [.. Directory.EnumerateFiles(Path.Combine(RepositoryFolder.Root, "Examples"), "*.vmipl").Order(StringComparer.Ordinal)
            .Where(path => !path.EndsWith("-32.vmipl", StringComparison.Ordinal) && !path.Contains("change", StringComparison.Ordinal) &&
                !path.Contains("network", StringComparison.Ordinal) && !path.Contains("keyboard", StringComparison.Ordinal)).Select(File.ReadAllText)];
        int compared = 0;
        foreach (string script in (string[])[.. _scripts, .. examples])
        {
            string shim = string.Join('\n', await RecordsAsync(loan.Guest, script, SessionDriver.Shim));
            try
            {
                string stub = string.Join('\n', await RecordsAsync(loan.Guest, script, SessionDriver.GdbStub));
                Assert.True(stub == shim, $"{script}\ngdbstub:\n{stub}\nshim:\n{shim}");
                compared++;
                output.WriteLine($"{script.Split('\n')[0]}\n{shim}");
            }
            catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused)
            {
                // Five places and more are too many for debug registers.
                output.WriteLine($"{script.Split('\n')[0]}: {e.Message}");
            }
        }
        Assert.True(compared >= _scripts.Length + examples.Length / 2, $"{compared} of {_scripts.Length} and {examples.Length}");
    }

    private static async Task<List<string>> RecordsAsync(TestGuest guest, string script, SessionDriver driver)
    {
        using ProbeRun run = ProbeRun.Start(guest, script, ProbeRun.Options() with { Driver = driver, TrapKind = driver == SessionDriver.Shim ? TrapKind.Auto : TrapKind.Hardware });
        run.Session.Request(7);
        string id = await guest.CommandAsync("start /usr/bin/example", Cancel);
        await guest.CommandAsync("stop " + id, Cancel);
        foreach (string work in (string[])["calls 40", "spawn 3", "sysctl write /proc/sys/kernel/panic 3 5", "sysctl read /proc/sys/kernel/panic 5", "int3 4", "sysctl write /proc/sys/kernel/panic 0 1"])
            await guest.CommandAsync(work, Cancel);
        run.Session.Stop();
        // Processes work side by side, in an order of their own.
        List<string> lines = [.. run.Session.Outputs.Streams.SelectMany(stream => run.Drain(stream.Name)).Select(Stable).Order(StringComparer.Ordinal)];
        lines.AddRange(run.Session.Probes.Select(probe => string.Create(CultureInfo.InvariantCulture, $"{probe.Id}: {probe.Hits - probe.Filtered} hits that no filter has stopped, {probe.Records} records, {probe.Lost} lost")));
        return lines;
    }

    /// <summary>What is the same each time that the work is done.</summary>
    private static string Stable(VmiRecord record)
    {
        string what = record switch
        {
            RegisterRecord { Register: "CR3" } => "CR3",
            RegisterRecord register => string.Create(CultureInfo.InvariantCulture, $"{register.Register} {register.Value:x}"),
            MemoryRecord memory => string.Create(CultureInfo.InvariantCulture, $"{memory.Size} {string.Concat(memory.Bytes.Take(64).Select(value => value.ToString("x2", CultureInfo.InvariantCulture)))}"),
            TextRecord text => $"{text.Text} {text.IsCut}",
            ProcessRecord process => $"{process.Name} {process.Path} {process.PageDirectory is null}",
            _ => record.GetType().Name,
        };
        return $"#{record.Stream} {record.ProbeId} {record.Event} {record.Probe} {what} {record.Error}";
    }
}
