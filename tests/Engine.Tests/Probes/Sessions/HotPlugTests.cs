using System.Diagnostics;
using System.Text.Json;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>vCPUs that come and go while probes run, and before: what they do is seen as what the others do.</summary>
[Collection(nameof(SessionGuests))]
public sealed class HotPlugTests
{
    private const string Script = "Syscall(getpid){ ReadRegister(RIP, #calls) }";

    // An emulated vCPU that came later sleeps through what others wake it for, also without probes (QEMU 7.2): one that polls does not.
    private static readonly GuestOptions Options = new()
    {
        Kernel = GuestKernel.Amd64_6_1, QemuArguments = "-smp 1,maxcpus=3,sockets=3,cores=1,threads=1",
        KernelArguments = TestDriver.IsShim ? "" : "idle=poll",
    };

    // What the guest calls those that are there: by the order in which they came, or by socket (Linux 6.9).
    private readonly Dictionary<int, int> _guestsNumber = new() { [0] = 0 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // A new vCPU's debug registers have to be set; a port trap stands in memory already.
    public static TheoryData<TrapKind> Kinds => FullCounts.AreWanted && TestDriver.IsShim ? new(TrapKind.Hardware, TrapKind.Port) : new(TrapKind.Hardware);

    /// <summary>Through the shim from its first call on, under QEMU's number as soon as QEMU could be asked; through the gdbstub from when the probes say so.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    [Trait(LabSet.Trait, LabSet.Shim)]
    public async Task What_a_new_vcpu_does_is_seen(TrapKind kind)
    {
        GuestFacts.Need(Options.Kernel);
        await using TestGuest guest = await TestGuest.StartAsync(Options, Cancel);
        SessionOptions options = ProbeRun.Options() with { TrapKind = kind };
        using (ProbeRun run = ProbeRun.Start(guest, Script, options))
        {
            await PlugAsync(guest, 2);
            await AssertToldAsync(run, 2);
            await AssertSeenAsync(run, guest, 2);
            await AssertSeenAsync(run, guest, 0);
            if (TestDriver.IsShim)
                await ReplugAsync(run, guest, 2);
            await PlugAsync(guest, 1);
            await AssertToldAsync(run, 3);
            await AssertSeenAsync(run, guest, 1);
            await AssertSeenAsync(run, guest, 2);
            // Everyone has to come out for it.
            run.Session.Enable(0, false);
            run.Session.Enable(0, true);
            if (TestDriver.IsShim)
                await UnplugAsync(guest, 1);
            Assert.Empty(run.Stop("default"));
        }
        using (ProbeRun run = ProbeRun.Start(guest, Script, options))
        {
            await AssertSeenAsync(run, guest, 2);
            run.Session.Stop();
        }
        QemuTrace.AssertClean(guest);
        await Trouble.AssertGoesOnAsync(guest);
    }

    // Under KVM its descriptor is the old one, its thread is new. QEMU 7.2 under TCG ends at that, also without probes.
    private async Task ReplugAsync(ProbeRun run, TestGuest guest, int vcpu)
    {
        await UnplugAsync(guest, vcpu);
        await AssertSeenAsync(run, guest, 0);
        await PlugAsync(guest, vcpu);
        await AssertSeenAsync(run, guest, vcpu);
    }

    private static async Task AssertToldAsync(ProbeRun run, int vcpus)
    {
        if (TestDriver.IsShim)
            return;
        VmiRecord record = await run.NextAsync("default", Cancel);
        Assert.Contains($"{vcpus} now", Assert.IsType<NoticeRecord>(record).Text, StringComparison.Ordinal);
    }

    private async Task AssertSeenAsync(ProbeRun run, TestGuest guest, int vcpu)
    {
        const int Calls = 20;
        bool isNamed = false;
        for (var waited = Stopwatch.StartNew(); !isNamed && waited.Elapsed < TimeSpan.FromMinutes(1);)
        {
            long before = run.Status(0).Hits;
            await guest.CommandAsync($"calls {10 * Calls} cpu {_guestsNumber[vcpu]}", Cancel);
            var vcpus = new HashSet<int>();
            for (int i = 0; i < Calls; i++)
                vcpus.Add((await run.NextAsync("calls", Cancel)).Vcpu);
            Assert.Equal(before + Calls, run.Status(0).Hits);
            isNamed = vcpus.SetEquals([vcpu]);
        }
        Assert.True(isNamed, $"vCPU {vcpu} has another number.");
    }

    private async Task PlugAsync(TestGuest guest, int vcpu)
    {
        using (var monitor = new QmpSocket(guest.MonitorPath!))
        {
            JsonElement slot = monitor.Execute("query-hotpluggable-cpus").EnumerateArray().Single(cpu => cpu.GetProperty("props").GetProperty("socket-id").GetInt32() == vcpu);
            var arguments = slot.GetProperty("props").EnumerateObject().ToDictionary(property => property.Name, property => (object)property.Value);
            arguments["driver"] = slot.GetProperty("type").GetString()!;
            arguments["id"] = $"vcpu{vcpu}";
            monitor.Execute("device_add", arguments);
        }
        // Which of them has come is known when it goes on.
        int[] free = [.. Enumerable.Range(1, 2).Except(_guestsNumber.Values)];
        int attempts = 0;
        await AwaitAsync(async () =>
        {
            int number = free[attempts++ % free.Length];
            await guest.CommandAsync($"sysctl write /sys/devices/system/cpu/cpu{number}/online 1 1", Cancel);
            _guestsNumber[vcpu] = number;
        });
    }

    private async Task UnplugAsync(TestGuest guest, int vcpu)
    {
        using var monitor = new QmpSocket(guest.MonitorPath!);
        monitor.Execute("device_del", new { id = $"vcpu{vcpu}" });
        // The guest lets it go when it has moved everything away.
        await AwaitAsync(() => monitor.Execute("query-cpus-fast").EnumerateArray().Any(cpu => cpu.GetProperty("cpu-index").GetInt32() == vcpu)
            ? throw new GuestException("it is still there") : Task.CompletedTask);
        _guestsNumber.Remove(vcpu);
    }

    private static async Task AwaitAsync(Func<Task> attempt)
    {
        for (var waited = Stopwatch.StartNew(); ;)
        {
            try
            {
                await attempt();
                return;
            }
            catch (GuestException) when (waited.Elapsed < TimeSpan.FromMinutes(1))
            {
                await Task.Yield();
            }
        }
    }
}
