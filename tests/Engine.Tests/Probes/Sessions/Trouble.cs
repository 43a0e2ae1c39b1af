using VmiPl.Errors;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>What tests of trouble ask of a machine's monitor, and hold of sessions and guests behind it.</summary>
internal static class Trouble
{
    public static void AssertEnded(ProbeRun run, params VmiErrorCode[] codes)
    {
        Assert.Equal(SessionState.Ended, run.Session.State);
        Assert.Contains(run.Session.Failure!.Code, codes);
        Assert.Contains(run.Drain("default"), record => record is NoticeRecord { Error: { } error } && error == run.Session.Failure.Message);
        Assert.Throws<VmiException>(() => run.Session.Enable(0, true));
    }

    public static async Task AssertGoesOnAsync(TestGuest guest)
    {
        QemuTrace.AssertClean(guest);
        // A breakpoint that was left would stop it here.
        await guest.CommandAsync("calls 5", TestContext.Current.CancellationToken);
        QemuTrace.AssertClean(guest);
    }

    public static void Tell(TestGuest guest, string command, object? arguments = null)
    {
        using var monitor = new QmpSocket(guest.MonitorPath!);
        monitor.Execute(command, arguments);
    }

    public static void Human(TestGuest guest, string line)
    {
        using var monitor = new QmpSocket(guest.MonitorPath!);
        monitor.Human(line);
    }
}
