using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;

namespace VmiPl.Probes.GdbStub;

/// <summary>Whether the kernel for which the probes were placed still runs.</summary>
internal sealed partial class StubSession
{
    /// <summary>Looks for it, as a rule without stopping the machine.</summary>
    private void WatchKernel()
    {
        // Each look would be several commands at the monitor, which others need, too.
        if (Machine.MemoryAccess == MemoryAccess.Monitor)
            return;
        if (!_guest.IsThere())
            throw BootedAgain();
        if (_held || _isAway)
            return;
        switch (_clock?.Look())
        {
            case ClockReading.WentBack:
                throw BootedAgain();
            case ClockReading.Stands:
                AskVcpus();
                break;
        }
    }

    /// <summary>Stops the machine for a look at its vCPUs.</summary>
    private void AskVcpus()
    {
        if (!TryHalt())
            return;
        if (!IsMapped())
            throw BootedAgain();
        GoOn();
    }

    /// <summary>Whether one vCPU at least uses page tables in which the kernel is where it was. One that was never started uses none.</summary>
    private bool IsMapped()
    {
        if (!_guest.Profile.TryGetSymbol("init_task", out GuestVirtualAddress task) || !_guest.OpenKernelSpace().TryTranslate(task, out Translation place))
            return true;
        _vcpu.BeginStop(DateTime.UtcNow);
        foreach (int vcpu in _vcpus.Numbers)
        {
            Enter(vcpu);
            // In user mode under page-table isolation, the kernel's half is the one before.
            ulong own = _vcpu.Current(GuestRegister.Cr3), kernel = own & ~PageTableIsolation.UserTable;
            if (_vcpu.Translate(task.Value, own) == place.Physical.Value || _vcpu.Translate(task.Value, kernel) == place.Physical.Value)
                return true;
        }
        return false;
    }

    private VmiException BootedAgain() => new(
        VmiErrorCode.GuestChanged, $"The guest of '{Machine.Name}' has booted again: the places that the probes watched mean nothing now. Start them again.", Machine.Name);
}
