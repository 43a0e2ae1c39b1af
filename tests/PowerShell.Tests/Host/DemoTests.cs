using VmiPl.TestGuests;

namespace VmiPl.Tests.Host;

/// <summary>Runs the demo's runbook, as a newcomer would, against a real guest.</summary>
public sealed class DemoTests
{
    [Fact]
    public async Task The_first_look_shows_a_guest_from_outside()
    {
        if (GuestRequirements.Missing() is { Count: > 0 } missing)
            Assert.Skip($"A test guest needs {string.Join(", ", missing)}.");
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions(), TestContext.Current.CancellationToken);

        HostResult result = await HostProcess.RunAsync("Examples/first-look.ps1", "-Machine", guest.Name);

        Assert.True(result.ExitCode == 0, result.Errors);
        GroundTruth truth = await guest.SnapshotAsync(cancel: TestContext.Current.CancellationToken);
        Assert.Contains(guest.Name, result.Output, StringComparison.Ordinal);
        Assert.Contains("Linux version ", result.Output, StringComparison.Ordinal);
        // A hostile name reaches the terminal without its control characters.
        Assert.All(
            truth.Processes.Where(task => !task.IsKernelThread).Select(task => string.Concat(task.Comm.Select(c => char.IsControl(c) ? '·' : c))).Distinct(),
            name => Assert.Contains(name, result.Output, StringComparison.Ordinal));
        Assert.DoesNotContain(result.Output, c => char.IsControl(c) && c is not ('\n' or '\r'));
    }

    [Fact]
    public async Task A_machine_that_is_not_there_is_an_error_that_says_so()
    {
        HostResult result = await HostProcess.RunAsync("Examples/first-look.ps1", "-Machine", "no-such-machine");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("no-such-machine", result.Errors, StringComparison.Ordinal);
    }
}
