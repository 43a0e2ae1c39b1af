using VmiPl.Machines;

namespace VmiPl.Probes.Shim;

/// <summary>Reads which threads run a machine's vCPUs once more, when that has changed. QEMU's monitor serves one client at a time, and whoever has plugged
/// a vCPU in may keep it: so it is waited for in the background, and asked again. Used by one thread at a time.</summary>
internal sealed class ThreadReader(VmiMachine machine)
{
    private Task<IReadOnlyList<(int Vcpu, int Thread)>>? _reading;
    private bool _isStale;

    /// <summary>What was read is not so any more.</summary>
    public void Expect() => _isStale = true;

    /// <summary>What has been read since the last call; null where that is nothing.</summary>
    public IReadOnlyList<(int Vcpu, int Thread)>? Take()
    {
        IReadOnlyList<(int Vcpu, int Thread)>? threads = null;
        if (_reading is { IsCompleted: true } done)
        {
            threads = done.IsCompletedSuccessfully ? done.Result : null;
            _isStale |= threads is null;
            _reading = null;
        }
        if (_isStale && _reading is null)
        {
            _isStale = false;
            _reading = Task.Run(() => VcpuThreads.Read(machine));
        }
        return threads;
    }
}
