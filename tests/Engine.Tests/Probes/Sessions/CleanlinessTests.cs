using System.Diagnostics;
using System.Globalization;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes.GdbStub;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Machines;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>What is left of sessions when they are over, however they end: nothing.</summary>
[Collection(nameof(NativeProgram))]
public sealed class CleanlinessTests
{
    private static readonly GuestOptions Several = new() { Kernel = GuestKernel.Amd64_6_12, Vcpus = SessionGuests.Many, Ram = RamBackend.SharedMemfd };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> Guests => new() { { nameof(GuestKernel.Amd64_6_1), 1 }, { nameof(GuestKernel.Amd64_6_12), SessionGuests.Many } };

    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Code_and_debug_registers_are_what_they_were(string kernel, int vcpus)
    {
        var options = new GuestOptions { Kernel = (GuestKernel)typeof(GuestKernel).GetProperty(kernel)!.GetValue(null)!, Vcpus = vcpus };
        GuestFacts.Need(options.Kernel);
        // A change was seen once, on a busy host; the likely cause is the kernel's own patching, where a static key turns, and it was not seen
        // again. What a session leaves every time it leaves in the next guest, too; a fault that shows only now and then may pass here.
        IReadOnlyList<string> changes = await ChangesOfTextAsync(options);
        for (int guest = 2; changes.Count > 0 && guest <= 3; guest++)
        {
            Assert.DoesNotContain(changes, change => change.EndsWith("CC", StringComparison.Ordinal));
            TestContext.Current.SendDiagnosticMessage(string.Join(", ", changes));
            changes = await ChangesOfTextAsync(options);
        }
        Assert.Empty(changes);
    }

    /// <summary>What a session changed in the text of a guest of its own: address, byte before and after. Holds that nothing else has changed.</summary>
    private static async Task<IReadOnlyList<string>> ChangesOfTextAsync(GuestOptions options)
    {
        await using TestGuest guest = await TestGuest.StartAsync(options, Cancel);
        // A CPU's debug registers are too few for all of it.
        using var run = ProbeRun.Start(guest, TestDriver.HasOnlyDebugRegisters ? SessionGuests.Busy : SessionGuests.Busy + """
            Interrupt(14){ ReadRegister(CR2, #out) }
            """ + (KvmLab.IsInside ? "" : """

            MSRWrite(){ ReadRegister(RCX, #out) }
            WriteAt(panic_on_oops){ ReadRegister(RIP, #out) }
            ReadAt(panic_on_oops){ ReadRegister(RIP, #out) }
            """));
        run.Session.Stop();
        // What a guest patches in its own text is settled by what it has done once.
        await guest.CommandAsync("calls 20", Cancel);
        SortedDictionary<ulong, byte[]> text = QemuTrace.Text(run.Guest);
        string debugRegisters = QemuTrace.DebugRegisters(guest);
        IReadOnlyList<string?> chardevs = QemuTrace.Chardevs(guest);
        Assert.Equal(options.Vcpus, debugRegisters.Split("DR7").Length - 1);
        Assert.True(text.Count > 1 && text.Values.Sum(bytes => bytes.Length) > 8 << 20);

        using (var again = ProbeRun.Start(guest, SessionGuests.Busy))
        {
            if (!TestDriver.IsShim)
                Assert.Contains("gdb", QemuTrace.Chardevs(guest));
            await guest.CommandAsync("calls 20", Cancel);
            Assert.NotEmpty(again.Stop("out"));
        }

        SortedDictionary<ulong, byte[]> after = QemuTrace.Text(run.Guest);
        Assert.Equal(text.Keys, after.Keys);
        Assert.Equal(debugRegisters, QemuTrace.DebugRegisters(guest));
        Assert.Equal(chardevs, QemuTrace.Chardevs(guest));
        QemuTrace.AssertClean(guest);
        return Changes(text, after);
    }

    // Address, byte before and after.
    private static IReadOnlyList<string> Changes(SortedDictionary<ulong, byte[]> text, SortedDictionary<ulong, byte[]> after) =>
    [
        .. from section in text
           let now = after[section.Key]
           from place in Enumerable.Range(0, section.Value.Length)
           where section.Value[place] != now[place]
           select $"{section.Key + (ulong)place:x}: {section.Value[place]:X2} {now[place]:X2}",
    ];

    // Where a trap stands that did not before. The kernel patches its own text, too, but nothing that begins with these.
    private static IReadOnlyList<ulong> Traps(SortedDictionary<ulong, byte[]> text, SortedDictionary<ulong, byte[]> after) =>
    [
        .. from section in text
           let now = after[section.Key]
           from place in Enumerable.Range(1, section.Value.Length - 1)
           where section.Value[place] != now[place] && section.Value[place - 1] == now[place - 1] && (now[place] is 0xCC or 0xE6)
           select section.Key + (ulong)place,
    ];

    [Fact]
    public async Task Starting_and_stopping_again_and_again_leaves_nothing()
    {
        int cycles = FullCounts.Or(25, 200);
        GuestFacts.Need(Several.Kernel);
        await using TestGuest guest = await TestGuest.StartAsync(Several, Cancel);
        await guest.CommandAsync("load on", Cancel);
        int files = QemuTrace.OpenFiles(guest.ProcessId);
        using Process host = HostedSession.Start(guest, $"cycles {cycles}", SessionGuests.Busy);
        long start = Stopwatch.GetTimestamp();
        host.StandardInput.WriteLine();
        string? filesBefore = await host.StandardOutput.ReadLineAsync(Cancel);
        long before = QemuTrace.OwnBytes(guest.ProcessId);
        string? filesAfter = await host.StandardOutput.ReadLineAsync(Cancel);
        await host.WaitForExitAsync(Cancel);
        TestContext.Current.SendDiagnosticMessage($"{cycles} cycles in {Stopwatch.GetElapsedTime(start)}");

        Assert.Equal((0, filesBefore), (host.ExitCode, filesAfter));
        QemuTrace.AssertClean(guest);
        await AssertLoadGrowsAsync(guest);
        long after = QemuTrace.OwnBytes(guest.ProcessId);
        TestContext.Current.SendDiagnosticMessage($"QEMU's own memory {before >> 10} KiB, then {after >> 10} KiB; its files {files}; host's files {filesBefore}, {filesAfter}");
        Assert.InRange(after, 0, before + (8 << 20));
        IdleQemu.Await(() => QemuTrace.OpenFiles(guest.ProcessId) == files);
    }

    [Fact]
    public async Task A_host_that_is_killed_at_any_moment_leaves_the_guest_running()
    {
        int kills = FullCounts.Or(10, 100);
        GuestFacts.Need(Several.Kernel);
        await using TestGuest guest = await TestGuest.StartAsync(Several, Cancel);
        await guest.CommandAsync("load on", Cancel);
        using VmiMachine machine = MachineConnector.OpenProcess(guest.ProcessId, VmiLimits.Default);
        LinuxGuest linux = LinuxGuest.Of(machine);
        SortedDictionary<ulong, byte[]> text = QemuTrace.Text(linux);
        Random random = Random.Shared;
        TimeSpan starting = TimeSpan.Zero, longest = TimeSpan.Zero;
        int atWork = 0;
        for (int kill = 0; kill < kills; kill++)
        {
            using Process host = HostedSession.Start(guest, "run", SessionGuests.Busy);
            long start = Stopwatch.GetTimestamp();
            host.StandardInput.WriteLine();
            Task<string?> started = host.StandardOutput.ReadLineAsync(Cancel).AsTask();
            // The moment is what is tested: from the opening of the driver through its start to full work. The first host says how long a start takes here.
            if (kill == 0)
            {
                Assert.Equal("started", await started);
                starting = Stopwatch.GetElapsedTime(start);
            }
            else
                await Task.Delay(2 * starting * random.NextDouble(), Cancel);
            host.Kill();
            long killed = Stopwatch.GetTimestamp();
            await host.WaitForExitAsync(Cancel);
            if (await started is not null)
                atWork++;

            // The monitor is the guardian's until it has ended: QEMU serves one client at a time.
            IdleQemu.Await(() => QemuTrace.Guardians(guest).Count == 0);
            IdleQemu.Await(() => QemuTrace.Status(guest) == "running");
            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(killed).Ticks));
            QemuTrace.AssertClean(guest);
            await AssertLoadGrowsAsync(guest);
            await guest.CommandAsync("ping", Cancel);
            // A breakpoint that is left stops the machine at once under this load.
            QemuTrace.AssertClean(guest);
            TestContext.Current.SendDiagnosticMessage($"killed {kill + 1} times, {atWork} of them at full work; a start takes {starting}; running again within {longest}");
        }
        Assert.Empty(Traps(text, QemuTrace.Text(linux)));
    }

    /// <summary>QEMU's TCG keeps what a step at watched memory has left: it must not come when nobody is there. The tables of a 32-bit kernel are
    /// written at each switch of tasks.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task Watched_memory_that_all_vcpus_write_leaves_nothing_either(bool isKilled)
    {
        Assert.SkipUnless(SessionGuests.Has32Bit, "32-bit kernels do not run in the lab.");
        const string Script = "GDTWrite{ ReadRegister(EIP, #out) }";
        GuestFacts.Need(GuestKernel.I386Pae);
        await using TestGuest guest = await TestGuest.StartAsync(Several with { Kernel = GuestKernel.I386Pae }, Cancel);
        await guest.CommandAsync("load on", Cancel);
        for (int round = 0; round < FullCounts.Or(5, 60); round++)
        {
            if (isKilled)
            {
                using Process host = HostedSession.Start(guest, "wait", Script);
                host.StandardInput.WriteLine();
                Assert.Equal("started", await host.StandardOutput.ReadLineAsync(Cancel));
                host.Kill();
                await host.WaitForExitAsync(Cancel);
            }
            else
            {
                using var run = ProbeRun.Start(guest, Script);
                await run.NextAsync("out", Cancel);
                run.Session.Stop();
            }
            QemuTrace.AssertClean(guest);
            await AssertLoadGrowsAsync(guest);
            QemuTrace.AssertClean(guest);
        }
    }

    [Fact]
    public async Task A_host_that_exits_without_stopping_leaves_the_guest_running()
    {
        GuestFacts.Need(Several.Kernel);
        await using TestGuest guest = await TestGuest.StartAsync(Several, Cancel);
        await guest.CommandAsync("load on", Cancel);
        using Process host = HostedSession.Start(guest, "run", SessionGuests.Busy);
        host.StandardInput.WriteLine();
        Assert.Equal("started", await host.StandardOutput.ReadLineAsync(Cancel));
        host.StandardInput.WriteLine();
        await host.WaitForExitAsync(Cancel);
        Assert.Equal(0, host.ExitCode);

        QemuTrace.AssertClean(guest);
        await AssertLoadGrowsAsync(guest);
    }

    private static async Task AssertLoadGrowsAsync(TestGuest guest)
    {
        ulong rounds = (await guest.FactsAsync("load status", Cancel))["rounds"];
        IReadOnlyDictionary<string, ulong> status;
        do
        {
            status = await guest.FactsAsync("load status", Cancel);
            Assert.Equal((0ul, 0ul), (status["errors"], status["kinds"]));
        }
        while (status["rounds"] == rounds);
    }
}
