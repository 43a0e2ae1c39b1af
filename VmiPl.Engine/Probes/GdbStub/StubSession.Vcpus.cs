using VmiPl.Machines.Processes;

namespace VmiPl.Probes.GdbStub;

/// <summary>vCPUs that are plugged in and out while probes run: on one that comes later, QEMU sets no breakpoint by itself.</summary>
internal sealed partial class StubSession
{
    private HashSet<int> _threads = [];

    /// <summary>Looks for them where QEMU's threads are others than before: each vCPU has one.</summary>
    private void WatchVcpus()
    {
        if (_isAway || Threads() is var threads && threads.SetEquals(_threads) || !TryHalt())
            return;
        if (_vcpus.Refresh(_connection))
        {
            _traps.Renew();
            _events.Notice($"A vCPU was plugged in or out; there are {_vcpus.Numbers.Length} now. What a new one did until now has gone unseen.", isError: true);
        }
        _threads = threads;
        GoOn();
    }

    /// <summary>What is read from now on is this vCPU's.</summary>
    private void Enter(int vcpu) => _vcpu.Enter(vcpu, _vcpus.ThreadOf(vcpu));

    private HashSet<int> Threads() => Machine.ProcessId is { } process ? [.. ProcFs.Threads(process)] : [];
}
