using System.Net.Sockets;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Probes.Shim;

/// <summary>How a machine's shim is come by: the one that listens already, or one that is brought into QEMU for the session.</summary>
internal static class ShimDoor
{
    /// <summary>A connection to the shim; <paramref name="isInjected"/>: it was brought in, for it or an earlier one. Throws <c>ShimUnavailable</c> with the reason.</summary>
    public static Socket Open(VmiMachine machine, out bool isInjected)
    {
        isInjected = false;
        if (machine.Accelerator != "kvm")
            throw new VmiException(VmiErrorCode.ShimUnavailable, $"Machine '{machine.Name}' runs under {machine.Accelerator}, and the shim works with KVM.", machine.Name);
        if (machine.ProcessId is not int process)
            throw new VmiException(VmiErrorCode.ShimUnavailable, $"The QEMU process of '{machine.Name}' can't be seen from here.", machine.Name);
        if (ShimSocket.TryConnect(process, machine.Limits.ShimTimeout) is { } there)
        {
            // One that was brought in was left by a session that was killed, or could not take it out; a preloaded one is to stay.
            isInjected = ShimInjector.HasLoaded(process);
            return there;
        }
        isInjected = true;
        bool isNew = ShimInjector.Load(process);
        if (ShimSocket.TryConnect(process, machine.Limits.ShimTimeout) is { } socket)
            return socket;
        // One that could not be taken out at its end stays, and hears nobody any more.
        if (!isNew)
            Replace(machine, process);
        return ShimSocket.TryConnect(process, machine.Limits.ShimTimeout)
            ?? throw new VmiException(VmiErrorCode.ShimUnavailable, $"The shim was brought into '{machine.Name}' and does not listen.", machine.Name);
    }

    private static void Replace(VmiMachine machine, int process)
    {
        if (ShimInjector.Unload(process) is { } reason)
            throw new VmiException(VmiErrorCode.ShimUnavailable, $"The shim that an earlier session has left in '{machine.Name}' can't be replaced: {reason}.", machine.Name);
        ShimInjector.Load(process);
    }
}
