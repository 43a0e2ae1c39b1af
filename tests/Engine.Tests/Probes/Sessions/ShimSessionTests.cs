using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Native;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Probes that run inside QEMU. In the KVM lab; elsewhere guests are TCG's, and the shim says so.</summary>
[Collection(nameof(SessionGuests))]
[Trait(LabSet.Trait, LabSet.Shim)]
public sealed class ShimSessionTests
{
    // Of the agent's processes: kernel threads end when they like.
    private const string Exits = "ExecuteAt(do_exit){ ProcessIs(NAME, \"init\"){ ReadRegister(RIP, #exit) } }";

    private static readonly SessionOptions Shim = ProbeRun.Options() with { Driver = SessionDriver.Shim, TrapKind = TrapKind.Auto };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(TrapKind.Hardware, 1)]
    [InlineData(TrapKind.Hardware, 2)]
    [InlineData(TrapKind.Port, 1)]
    [InlineData(TrapKind.Auto, 2)]
    public async Task Events_are_seen_exactly_however_they_are_trapped(TrapKind kind, int vcpus)
    {
        const int Total = 200, Processes = 20;
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_12.Name, vcpus);
        if (IsRefused(loan.Guest))
            return;
        using ProbeRun run = ProbeRun.Start(loan.Guest, "Syscall(lseek){ ReadRegister(RDI, #lseek) ReadRegister(RSI, #lseek) }\n" + Exits, Shim with { TrapKind = kind });
        Assert.Equal("Shim", run.Session.Driver);
        // The lab is a virtual machine.
        Assert.All(run.Session.Probes.SelectMany(probe => probe.Places), place => Assert.Contains(kind == TrapKind.Hardware ? ", debug register" : ", port trap", place, StringComparison.Ordinal));
        await loan.Guest.CommandAsync($"calls {Total}", Cancel);
        await loan.Guest.CommandAsync($"spawn {Processes}", Cancel);
        List<VmiRecord> exits = run.Stop("exit");
        Assert.Equal(4 + Processes, exits.Count);
        Assert.True(run.Guest.Profile.TryGetSymbol("do_exit", out var address));
        Assert.All(exits, record => Assert.Equal(address.Value, ((RegisterRecord)record).Value));
        HardwareSessionTests.AssertSeeks(Total, run.Drain("lseek"));
        Assert.Empty(run.Drain("default"));
    }

    [Fact]
    public async Task Every_write_to_CR3_is_seen_and_the_guest_is_as_it_was()
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_1.Name, 1);
        if (IsRefused(loan.Guest))
            return;
        using ProbeRun run = ProbeRun.Start(loan.Guest, "CRWrite(3){ ReadRegister(CR3, #cr3) }\nSyscall(-){ }", Shim);
        await loan.Guest.CommandAsync("switches 200", Cancel);
        List<VmiRecord> writes = run.Stop("cr3");
        Assert.True(writes.Count >= 200, $"{writes.Count}");
        await loan.Guest.CommandAsync("spawn 50", Cancel);
        TestContext.Current.TestOutputHelper?.WriteLine($"{writes.Count} writes; {run.Status(0)}");
    }

    /// <summary>A consumer that is away at random, with little room in between: what the guest did is there, or counted and announced.</summary>
    [Theory]
    [InlineData(FullPolicy.Block)]
    [InlineData(FullPolicy.Drop)]
    public async Task Every_record_is_delivered_or_counted(FullPolicy policy)
    {
        int total = FullCounts.Or(2000, 200_000);
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_12.Name, 2);
        if (IsRefused(loan.Guest))
            return;
        var streams = new StreamOptions { Capacity = 100, OnFull = policy, BlockTimeout = TimeSpan.FromMinutes(10) };
        using ProbeRun run = ProbeRun.Start(loan.Guest, "Syscall(-){ ReadRegister(RAX, #calls) }", Shim with { Streams = streams });
        Task<(long Delivered, long Lost)> consumer = Task.Run(() => ConsumeAsync(run.Session.Outputs.Find("calls")!));
        await loan.Guest.CommandAsync($"calls {total}", Cancel);
        run.Session.Stop();
        run.Session.Outputs.Dispose();
        (long delivered, long lost) = await consumer;
        ProbeStatus status = run.Status(0);
        TestContext.Current.TestOutputHelper?.WriteLine($"{policy}: {status.Hits} hits, {delivered} delivered, {lost} lost");
        Assert.True(status.Hits >= total, $"{status.Hits}");
        Assert.Equal((status.Hits, status.Lost), (delivered + lost, lost));
        Assert.True(policy == FullPolicy.Drop || lost == 0, $"{lost} lost");
    }

    /// <summary>A debugger's registers are the debugger's, and ours ours, whoever came first.</summary>
    [Fact]
    public async Task A_gdb_client_and_the_probes_leave_each_other_alone()
    {
        GuestFacts.Need(GuestKernel.Amd64_6_12);
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions { Kernel = GuestKernel.Amd64_6_12 }, Cancel);
        if (IsRefused(guest))
            return;
        using var folder = new TemporaryFolder();
        Trouble.Human(guest, $"gdbserver unix:{folder.File("other")},server=on,wait=off");
        using (var first = new GdbClient(folder.File("other")))
        {
            Assert.StartsWith("QC", first.Ask("qC"), StringComparison.Ordinal);
            Assert.Equal(VmiErrorCode.StubBusy, Assert.Throws<VmiException>(() => ProbeRun.Start(guest, Exits, Shim)).Code);
            Assert.Equal("OK", first.Ask("D"));
        }
        using (ProbeRun run = ProbeRun.Start(guest, Exits, Shim with { TrapKind = TrapKind.Hardware }))
        {
            using (var second = new GdbClient(folder.File("other")))
            {
                Assert.True(run.Guest.Profile.TryGetSymbol("schedule", out var address));
                Assert.StartsWith("E", second.Ask($"Z1,{address.Value:x},1"), StringComparison.Ordinal);
                Assert.Equal("OK", second.Ask("D"));
            }
            await guest.CommandAsync("spawn 20", Cancel);
            Assert.Equal(20, run.Stop("exit").Count);
        }
        Trouble.Human(guest, "gdbserver none");
        await Trouble.AssertGoesOnAsync(guest);
    }

    /// <summary>A library that could not be taken out stays, and hears nobody: it does not keep the next session from having its own.</summary>
    [Fact]
    public async Task A_library_that_was_left_behind_is_replaced()
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_12.Name, 2);
        if (IsRefused(loan.Guest))
            return;
        Assert.SkipWhen(loan.Guest.Options.Preload is not null, "Nothing is brought in where the preloaded one listens.");
        using var workshop = new InjectorWorkshop();
        Assert.Equal(InjectorWorkshop.Done, workshop.Load(loan.Guest.ProcessId).Code);
        await AssertNextTakesItOutAsync(loan.Guest);
    }

    /// <summary>It is told of, and the next session takes it out at its own end.</summary>
    [Fact]
    public async Task A_library_that_cannot_be_taken_out_is_told_of_and_goes_with_the_next_session()
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_12.Name, 2);
        if (IsRefused(loan.Guest))
            return;
        Assert.SkipWhen(loan.Guest.Options.Preload is not null, "A preloaded library stays.");
        int process = loan.Guest.ProcessId;
        using var workshop = new InjectorWorkshop();
        using (ProbeRun run = ProbeRun.Start(loan.Guest, Exits, Shim))
        using (var debugger = new InjectorTarget(workshop.Compile("tracer", "tracer.c", "-pthread"), $"{process}"))
        {
            NoticeRecord told = Assert.IsType<NoticeRecord>(Assert.Single(run.Stop("default")));
            Assert.Contains($"stays in process {process}", told.Error, StringComparison.Ordinal);
            Assert.Contains($"already traced by process {debugger.Id},", told.Error, StringComparison.Ordinal);
        }
        Assert.True(ProcessTrace.IsLoaded(process));
        await AssertNextTakesItOutAsync(loan.Guest);
    }

    /// <summary>The program that brings the shim into QEMU, or takes it out, dies while QEMU's thread is in its hands, or before, or after.</summary>
    [Fact]
    public async Task An_injector_that_is_killed_at_any_moment_leaves_the_guest_running()
    {
        int attempts = FullCounts.Or(2, 60), kills = 0;
        using GuestLoan loan = await SessionGuests.BorrowAsync(GuestKernel.Amd64_6_12.Name, 2);
        if (IsRefused(loan.Guest))
            return;
        await loan.Guest.CommandAsync("load on", Cancel);
        Random random = Random.Shared;
        for (int attempt = 0; attempt < attempts; attempt++)
        {
            Task session = Task.Run(() => StartAndStop(loan.Guest), Cancel);
            kills += await KillInjectorAsync(loan.Guest, TimeSpan.FromMilliseconds(random.Next(1 + 200 * attempt / attempts)), session) ? 1 : 0;
            await session;
            // A QEMU that is gone is told of here, with its last words.
            await loan.Guest.CommandAsync("calls 20", Cancel);
            QemuTrace.AssertClean(loan.Guest);
        }
        Assert.True(kills > 0 != (loan.Guest.Options.Preload is not null), $"{kills} injectors were met");
        using ProbeRun run = ProbeRun.Start(loan.Guest, SessionGuests.Busy, Shim);
        await run.NextAsync("out", Cancel);
        run.Session.Stop();
        Assert.Equal(0ul, (await loan.Guest.FactsAsync("load status", Cancel))["errors"]);
        await loan.Guest.CommandAsync("load off", Cancel);
        TestContext.Current.TestOutputHelper?.WriteLine($"{kills} injectors killed in {attempts} sessions");
    }

    // Outside the lab guests are TCG's, which the shim has to say.
    private static bool IsRefused(TestGuest guest)
    {
        if (KvmLab.IsInside)
            return false;
        VmiException refused = Assert.Throws<VmiException>(() => ProbeRun.Start(guest, Exits, Shim));
        Assert.Equal(VmiErrorCode.ShimUnavailable, refused.Code);
        Assert.Contains("tcg", refused.Message, StringComparison.Ordinal);
        return true;
    }

    private static async Task AssertNextTakesItOutAsync(TestGuest guest)
    {
        using (ProbeRun run = ProbeRun.Start(guest, Exits, Shim))
        {
            await guest.CommandAsync("spawn 20", Cancel);
            Assert.Equal(20, run.Stop("exit").Count);
            Assert.Empty(run.Drain("default"));
        }
        Assert.False(ProcessTrace.IsLoaded(guest.ProcessId));
    }

    // Probes, and their end; or why they do not come.
    private static void StartAndStop(TestGuest guest)
    {
        try
        {
            ProbeRun.Start(guest, SessionGuests.Busy, Shim).Dispose();
        }
        catch (VmiException e) when (e.Code is VmiErrorCode.ShimUnavailable or VmiErrorCode.MachineLost)
        {
        }
    }

    // Some time after it has begun; false where it has ended before, or never began.
    private static async Task<bool> KillInjectorAsync(TestGuest guest, TimeSpan delay, Task session)
    {
        while (!session.IsCompleted)
        {
            if (QemuTrace.Injectors(guest) is not [int id, ..])
            {
                await Task.WhenAny(session, Task.Delay(5, Cancel));
                continue;
            }
            await Task.Delay(delay, Cancel);
            try
            {
                using Process injector = Process.GetProcessById(id);
                injector.Kill();
                return true;
            }
            catch (ArgumentException)
            {
                return false;
            }
        }
        return false;
    }

    private static async Task<(long Delivered, long Lost)> ConsumeAsync(RecordStream stream)
    {
        var random = new Random(5);
        long delivered = 0, lost = 0;
        while (await stream.WaitToReadAsync(Cancel))
        {
            while (stream.TryRead(out VmiRecord record))
            {
                if (record is LossRecord loss)
                    lost += loss.Lost;
                else
                    delivered++;
            }
            // Away for up to 20 ms, in one of eight cases.
            if (random.Next(8) == 0)
                await Task.Delay(random.Next(20), Cancel);
        }
        return (delivered, lost);
    }
}
