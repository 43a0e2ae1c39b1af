using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.GdbStub;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>A real guest under a real QEMU, whose host process is killed.</summary>
[Collection(nameof(NativeProgram))]
public sealed class GuardianGuestTests
{
    private static readonly GuestOptions Options = new() { Vcpus = 2, MemoryMiB = 256 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, "tty_write")]
    [InlineData(true, "tty_write", "schedule")]
    public async Task A_guest_whose_host_is_killed_runs_without_breakpoints(bool awaitHit, params string[] symbols)
    {
        GuestFacts.Need(Options.Kernel);
        await using TestGuest guest = await TestGuest.StartAsync(Options, Cancel);
        using SessionFolder folder = OpenStub(guest);
        using (Process host = DoomedHost.Start(folder.SocketPath, guest.MonitorPath!, awaitHit, Addresses(guest, symbols)))
            await KillAsync(host);

        IdleQemu.Await(() => !Directory.Exists(folder.FullName));
        AssertLeft(guest, "running");
        // Its answer goes through the terminal, where a breakpoint would stop it.
        await guest.CommandAsync("ping", Cancel);
    }

    [Fact]
    public async Task A_guest_that_the_operator_has_paused_stays_so_and_has_no_breakpoints()
    {
        GuestFacts.Need(Options.Kernel);
        await using TestGuest guest = await TestGuest.StartAsync(Options, Cancel);
        using SessionFolder folder = OpenStub(guest);
        using (Process host = DoomedHost.Start(folder.SocketPath, guest.MonitorPath!, awaitHit: false, Addresses(guest, "tty_write")))
        {
            using (var monitor = new QmpSocket(guest.MonitorPath!))
                monitor.Execute("stop");
            await KillAsync(host);
        }

        IdleQemu.Await(() => !Directory.Exists(folder.FullName));
        AssertLeft(guest, "paused");
        using (var monitor = new QmpSocket(guest.MonitorPath!))
            monitor.Execute("cont");
        await guest.CommandAsync("ping", Cancel);
    }

    private static async Task KillAsync(Process host)
    {
        host.Kill();
        await host.WaitForExitAsync(Cancel);
    }

    private static SessionFolder OpenStub(TestGuest guest)
    {
        SessionFolder folder = SessionFolder.Create(NativeFolder.UserId);
        using var monitor = new QmpSocket(guest.MonitorPath!);
        monitor.Human($"gdbserver {folder.DeviceOption}");
        return folder;
    }

    private static ulong[] Addresses(TestGuest guest, params string[] symbols)
    {
        using VmiMachine machine = MachineConnector.OpenProcess(guest.ProcessId, VmiLimits.Default);
        LinuxGuest linux = LinuxGuest.Of(machine);
        return [.. symbols.Select(s => linux.Symbols().TryFind(s, out GuestVirtualAddress address) ? address.Value : throw new InvalidOperationException(s))];
    }

    private static void AssertLeft(TestGuest guest, string status)
    {
        using var monitor = new QmpSocket(guest.MonitorPath!);
        Assert.Equal(status, monitor.Execute("query-status").GetProperty("status").GetString());
        Assert.DoesNotContain("gdb", monitor.Execute("query-chardev").EnumerateArray().Select(c => c.GetProperty("label").GetString()));
    }
}
