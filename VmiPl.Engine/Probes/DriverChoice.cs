using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Probes.GdbStub;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim;

namespace VmiPl.Probes;

/// <summary>Chooses what makes a session's probes run.</summary>
internal static class DriverChoice
{
    private const string Kvm = "kvm";

    /// <summary>The driver that is asked for. Left to itself, it is the shim where the machine runs under KVM and the shim can be had; where it can't,
    /// <paramref name="events"/> hears why. Nothing in the guest is touched. Throws <c>ShimUnavailable</c> where the shim must be and can't.</summary>
    public static IProbeDriver Open(LinuxGuest guest, IDriverEvents events, SessionOptions options, PrivilegedWrite kinds)
    {
        // Under TCG there is nothing to choose, nor to tell.
        if (options.Driver == SessionDriver.Shim || (options.Driver == SessionDriver.Auto && guest.Machine.Accelerator == Kvm))
        {
            try
            {
                return ShimDriver.Open(guest, events, options, kinds);
            }
            catch (VmiException e) when (e.Code == VmiErrorCode.ShimUnavailable && options.Driver == SessionDriver.Auto)
            {
                events.Notice($"The probes run through QEMU's gdbstub, and each event stops the machine: {e.Message}", isError: false);
            }
        }
        return new GdbStubDriver(guest, events, options.TrapKind, kinds);
    }
}
