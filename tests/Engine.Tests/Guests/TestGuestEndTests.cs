using System.Diagnostics;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Guests;

/// <summary>No guest outlives whoever asked for it, however that one ends.</summary>
public sealed class TestGuestEndTests
{
    private static readonly GuestOptions _tiny = new() { MemoryMiB = 256, Name = "vmipl-test-end" };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Disposing_ends_the_guest_and_its_folder()
    {
        GuestFacts.Need(_tiny.Kernel);
        var guest = await TestGuest.StartAsync(_tiny, Cancel);
        Assert.Equal(("vmipl-test-end", true), (guest.Name, guest.IsRunning));
        Assert.Contains("vmipl-test-end", await File.ReadAllTextAsync($"/proc/{guest.ProcessId}/cmdline", Cancel), StringComparison.Ordinal);

        await guest.DisposeAsync();

        Assert.False(guest.IsRunning);
        Assert.False(Directory.Exists($"/proc/{guest.ProcessId}"));
        Assert.False(Directory.Exists(guest.Folder));
    }

    [Fact]
    public async Task A_killed_guest_is_reported_with_its_console()
    {
        GuestFacts.Need(_tiny.Kernel);
        await using var guest = await TestGuest.StartAsync(_tiny, Cancel);
        using (var qemu = Process.GetProcessById(guest.ProcessId))
            qemu.Kill();

        var error = await Assert.ThrowsAsync<GuestException>(() => guest.CommandAsync("ping", Cancel));

        Assert.Contains("QEMU ended", error.Message, StringComparison.Ordinal);
        Assert.False(guest.IsRunning);
    }

    [Fact]
    public async Task A_kernel_that_gives_up_is_reported_with_its_console()
    {
        GuestFacts.Need(_tiny.Kernel);
        var error = await Assert.ThrowsAsync<GuestException>(() =>
            TestGuest.StartAsync(_tiny with { KernelArguments = "rdinit=/nowhere root=/dev/none" }, Cancel));

        Assert.Contains("Kernel panic", error.Message, StringComparison.Ordinal);
    }
}
