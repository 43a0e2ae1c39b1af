using System.Buffers.Binary;
using System.Collections.Immutable;
using VmiPl.Language;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>A kernel variable that a guest program writes and reads a known number of times; filters and reconfiguration on it.</summary>
[Collection(nameof(SessionGuests))]
public sealed class MemorySessionTests
{
    private const string Write = "sysctl write /proc/sys/kernel/panic";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(SessionGuests.All), MemberType = typeof(SessionGuests))]
    public async Task Accesses_are_counted_exactly_and_show_what_was_written(string kernel, int vcpus)
    {
        int count = FullCounts.Or(100, 5000);
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        using ProbeRun run = ProbeRun.Start(loan.Guest, """
            WriteAt(panic_timeout){ ReadMemory(panic_timeout, 4, #write) }
            ReadAt(panic_timeout){ ReadMemory(panic_timeout, 4, #read) }
            """);
        await loan.Guest.CommandAsync($"{Write} 1000 {count}", Cancel);
        await loan.Guest.CommandAsync($"sysctl read /proc/sys/kernel/panic {count}", Cancel);
        Assert.Equal(Enumerable.Range(1000, count), run.Stop("write").Select(Value));
        Assert.Equal(Enumerable.Repeat(1000 + count - 1, count), run.Drain("read").Select(Value));
        Assert.Equal((count, count), ((int)run.Status(0).Hits, (int)run.Status(1).Hits));
    }

    [Theory, MemberData(nameof(SessionGuests.Few), MemberType = typeof(SessionGuests))]
    public async Task A_filter_lets_exactly_its_events_through(string kernel, int vcpus)
    {
        int rounds = FullCounts.Or(2, 20);
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        using ProbeRun run = ProbeRun.Start(loan.Guest, "WriteAt(panic_timeout){ ValueAtAddressIs(panic_timeout, 333, 4){ ReadMemory(panic_timeout, 4, #hit) } }");
        for (int round = 0; round < rounds; round++)
            await loan.Guest.CommandAsync($"{Write} 0 1000", Cancel);
        Assert.Equal(Enumerable.Repeat(333, rounds), run.Stop("hit").Select(Value));
        Assert.Equal((1000 * rounds, 999 * rounds), ((int)run.Status(0).Hits, (int)run.Status(0).Filtered));
    }

    [Theory, MemberData(nameof(SessionGuests.Few), MemberType = typeof(SessionGuests))]
    [Trait(LabSet.Trait, LabSet.Probes)]
    [Trait(LabSet.Trait, LabSet.Shim)]
    public async Task A_body_is_changed_from_outside_between_two_events(string kernel, int vcpus)
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        await ChangeFromOutsideAsync(loan.Guest);
    }

    // From 8.1 on QEMU's gdbstub tells of a stop only where it was asked to.
    [Fact]
    public async Task A_body_is_changed_so_under_a_newer_QEMU()
    {
        Assert.SkipWhen(KvmLab.IsInside, "It runs outside.");
        Assert.SkipWhen(KvmLab.Missing().Count > 0, string.Join("; ", KvmLab.Missing()));
        using var folder = new TemporaryFolder();
        NewerQemu.WriteTo(folder.File("qemu"));
        using TestGuest guest = await TestGuest.StartAsync(new GuestOptions { Qemu = folder.File("qemu"), Vcpus = SessionGuests.Many }, Cancel);
        for (int times = 0; times < 3; times++)
            await ChangeFromOutsideAsync(guest);
    }

    [Theory, MemberData(nameof(SessionGuests.Few), MemberType = typeof(SessionGuests))]
    [Trait(LabSet.Trait, LabSet.Probes)]
    [Trait(LabSet.Trait, LabSet.Shim)]
    public async Task A_body_is_changed_by_an_event(string kernel, int vcpus)
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        using ProbeRun run = ProbeRun.Start(loan.Guest, """
            WriteAt(panic_timeout){
                ValueAtAddressIs(panic_timeout, 50, 4){ Reconfigure(0){ ReadMemory(panic_timeout, 4, #after) ValueAtAddressIs(panic_timeout, 80, 4){ Reconfigure(0) } } }
                ReadMemory(panic_timeout, 4, #before)
            }
            """);
        await loan.Guest.CommandAsync($"{Write} 0 100", Cancel);
        Assert.Equal(Enumerable.Range(51, 30), run.Stop("after").Select(Value));
        Assert.Equal(Enumerable.Range(0, 51).Concat(Enumerable.Range(81, 19)), run.Drain("before").Select(Value));
    }

    [Theory, MemberData(nameof(SessionGuests.Few), MemberType = typeof(SessionGuests))]
    [Trait(LabSet.Trait, LabSet.Probes)]
    [Trait(LabSet.Trait, LabSet.Shim)]
    public async Task A_probe_is_switched_off_and_on(string kernel, int vcpus)
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        using ProbeRun run = ProbeRun.Start(loan.Guest, "WriteAt(panic_timeout){ ReadMemory(panic_timeout, 4, #write) } ExecuteAt(do_exit){ ReadRegister(ESP, #exit) }");
        await loan.Guest.CommandAsync($"{Write} 0 5", Cancel);
        run.Session.Enable(0, enabled: false);
        await loan.Guest.CommandAsync($"{Write} 5 5", Cancel);
        Assert.False(run.Status(0).IsEnabled);
        run.Session.Enable(0, enabled: true);
        await loan.Guest.CommandAsync($"{Write} 10 5", Cancel);
        Assert.Equal(Enumerable.Range(0, 5).Concat(Enumerable.Range(10, 5)), run.Stop("write").Select(Value));
    }

    [Theory, MemberData(nameof(SessionGuests.Few), MemberType = typeof(SessionGuests))]
    public async Task An_event_changes_memory(string kernel, int vcpus)
    {
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        string stack = loan.Guest.Options.Kernel.Architecture == GuestArchitecture.Amd64 ? "RSI" : "ECX";
        // The program's own path, in its own memory: the call that follows sees what was written.
        using ProbeRun run = ProbeRun.Start(loan.Guest, $"Syscall(openat){{ ProcessIs(NAME, \"init\"){{ WriteToMemoryAt({stack}, 1, 0x58, 1) ReadString({stack}, 32, #path) }} }}");
        await loan.Guest.CommandAsync("calls 100", Cancel);
        Assert.Contains(run.Stop("path").OfType<TextRecord>(), record => record.Text.StartsWith("/Xalls/", StringComparison.Ordinal));
        Assert.Empty(run.Drain("default"));
    }

    private static async Task ChangeFromOutsideAsync(TestGuest guest)
    {
        const int Count = 400;
        using ProbeRun run = ProbeRun.Start(guest, "written: WriteAt(panic_timeout){ ReadMemory(panic_timeout, 4, #before) }");
        Task<string> work = guest.CommandAsync($"{Write} 0 {Count}", Cancel);
        var before = new List<int> { Value(await run.NextAsync("before", Cancel)) };
        Assert.DoesNotContain(Change(run, "Reconfigure(written){ ReadMemory(panic_timeout, 4, #after) }"), diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
        await work;
        // What cannot be done leaves things as they are.
        Assert.Contains(Change(run, "Reconfigure(written){ ReadMemory(no_such_symbol, 4, #after) }"), diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
        Assert.Contains(Change(run, "Reconfigure(17){ Pause }"), diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
        await guest.CommandAsync($"{Write} {Count} 10", Cancel);
        // Silence, and back.
        Change(run, "Reconfigure(written){ }");
        await guest.CommandAsync($"{Write} 5000 10", Cancel);
        Assert.True(run.Status(0).IsSilent);
        Change(run, "Reconfigure(written)");
        await guest.CommandAsync($"{Write} 6000 10", Cancel);

        List<int> after = [.. run.Stop("after").Select(Value)];
        before.AddRange(run.Drain("before").Select(Value));
        Assert.NotEmpty(after);
        Assert.Equal(Enumerable.Range(0, Count + 10), before.Where(value => value < 5000).Concat(after));
        Assert.Equal(Enumerable.Range(6000, 10), before.Where(value => value >= 5000));
    }

    private static ImmutableArray<Diagnostic> Change(ProbeRun run, string script) => run.Session.Reconfigure(ScriptReader.Read(new SourceText(script)));

    private static int Value(VmiRecord record) => BinaryPrimitives.ReadInt32LittleEndian([.. ((MemoryRecord)record).Bytes]);
}
