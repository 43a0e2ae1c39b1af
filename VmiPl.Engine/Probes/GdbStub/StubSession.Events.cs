using System.Diagnostics;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Interpreter;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Tracking;
using VmiPl.Streams;

namespace VmiPl.Probes.GdbStub;

/// <summary>What happens while the machine stands still for an event.</summary>
internal sealed partial class StubSession
{
    private const ulong Paging = 1UL << 31;   // CR0.PG

    private readonly HashSet<StubProbe> _ran = [];

    // What a pause and all behind it have to tell, until the machine is held: whoever hears of a pause may resume the machine at once, and an
    // instruction may still be to be stepped over.
    private readonly List<(int Schema, RecordOrigin Origin, byte[] Record)> _kept = [];

    private void OnStop(bool resume = true)
    {
        long start = Stopwatch.GetTimestamp();
        if (!_connection.TryTakeStop(out StopReply stop))
            return;
        if (stop.HasExited)
            throw new VmiException(VmiErrorCode.MachineLost, $"Machine '{Machine.Name}' has ended.", Machine.Name);
        bool wasRunning = _running;
        _running = false;
        _vcpu.BeginStop(DateTime.UtcNow);
        if (stop.Signal != StopReply.Trap)
        {
            // Halting the machine for work of our own shows as the same stop as a pause by somebody else. Where it was thought to be paused, it
            // had been resumed meanwhile.
            if (!resume && _held)
                Release();
            // A vCPU may have met something just then.
            OnWatches(reported: -1, null, settle: !resume);
            if (!resume)
                OnTraps(except: -1);
            else if (wasRunning)
                Hold($"The machine stands still, as {stop.Cause}; probes go on when it does.");
            AfterPrograms(start);
            return;
        }
        if (_held)
        {
            // It was resumed without a word, and has met an event.
            Release();
        }
        Handle(stop);
        AfterPrograms(start);
        if (resume)
            GoOn();
    }

    private void Handle(StopReply stop)
    {
        int vcpu = _vcpus.VcpuOf(stop.Thread);
        Enter(vcpu);
        // No kernel that runs does so without paging: the machine was reset.
        if ((_vcpu.Current(GuestRegister.Cr0) & Paging) == 0)
            throw BootedAgain();
        bool isWatch = OnWatches(vcpu, stop.Watch, settle: true);
        if (_vcpu.Vcpu != vcpu)
            Enter(vcpu);
        // A vCPU that has just met a watchpoint meets a trap at its next instruction when it goes on.
        if (!isWatch)
            OnTrap(vcpu);
        OnTraps(except: vcpu);
    }

    /// <summary>Deals with all vCPUs that stand before a trapped instruction. QEMU names one of several that meet a trap at once; under KVM the others
    /// may not meet it again when they go on (seen with debug registers under <c>kvm_amd</c>), and under TCG they do.</summary>
    private void OnTraps(int except)
    {
        if (Machine.Accelerator == "tcg")
            return;
        foreach (int vcpu in _vcpus.Numbers)
        {
            if (vcpu == except || _held)
                continue;
            Enter(vcpu);
            OnTrap(vcpu);
        }
    }

    private void OnTrap(int vcpu)
    {
        if (_traps.At(_vcpu.InstructionPointer) is not { } point)
            return;
        bool isRetry = _stepper.IsRetry(_vcpu);
        if (!isRetry)
            RunUses(point, isDone: false);
        ApplySelections();
        StepOver(vcpu);
        if (!isRetry)
            RunUses(point, isDone: true);
    }

    /// <summary>Deals with all vCPUs that have touched what is watched. <paramref name="reported"/> is the one that QEMU names, <paramref name="address"/>
    /// the watchpoint that it names with it, or null. True where that one has. <paramref name="settle"/>: a vCPU may be stepped, as the machine has
    /// not been paused by somebody else.</summary>
    private bool OnWatches(int reported, ulong? address, bool settle)
    {
        if (_traps.Watches.Count == 0)
            return false;
        bool isReported = OnWatches(address);
        foreach (int vcpu in _vcpus.Numbers)
        {
            if (vcpu == reported)
                continue;
            Enter(vcpu);
            if (OnWatches(null) && settle && Machine.Accelerator == "tcg")
                Settle(vcpu);
        }
        ApplySelections();
        return isReported;
    }

    /// <summary>QEMU's TCG keeps a hit that it has not told, and takes the vCPU's next one for it, which then shows some instructions too late to be seen
    /// (<c>cpu_check_watchpoint</c>). A step has it told; what is touched in that step is another hit. A trapped instruction is left alone.</summary>
    private void Settle(int vcpu)
    {
        if (_traps.At(_vcpu.InstructionPointer) is not null)
            return;
        _stepped.Add(vcpu);
        StopReply stop = _stepper.Step(_vcpus.ThreadOf(vcpu));
        Demand(stop);
        Enter(vcpu);
        OnWatches(null);
    }

    private bool OnWatches(ulong? address)
    {
        bool any = false;
        // One that nobody names was perhaps dealt with before, and has done nothing since.
        if (address is null && !_scan.HasMoved())
            return false;
        foreach (TrapPoint point in _traps.Watches)
        {
            bool isNamed = address is { } named && named - point.Place.Address < point.Length;
            bool? touched = _scan.HasTouched(point, point.Uses.Any(use => use.Trap is WatchTrap { OnRead: false }) ? MemoryTouch.Write : MemoryTouch.Read);
            if (touched is false || (touched is null && !isNamed))
                continue;
            any = true;
            RunUses(point, isDone: false);
        }
        if (any)
            _scan.Remember();
        return any;
    }

    /// <summary>Runs what waits for a trap: most before its instruction, and, where <paramref name="isDone"/>, what can see the value that was written
    /// only behind it.</summary>
    private void RunUses(TrapPoint point, bool isDone)
    {
        // A program's choice counts from the next event on, so the uses are those of now.
        foreach (TrapUse use in point.Uses.ToArray())
        {
            InstructionPlace? load = use.Trap is ExecuteTrap { Write: { Kind: PrivilegedWrite.Idtr or PrivilegedWrite.Gdtr } write } ? write : null;
            if (load is not null != isDone || (load is not null && _vcpu.InstructionPointer != load.Address + (ulong)load.Length))
                continue;
            if (use.Own is not null)
                use.Own(_vcpu);
            else if (use.Probe is StubProbe { IsActive: true } probe && IsWanted(probe, use.Trap))
                RunProgram(probe, WrittenBy(use.Trap));
        }
    }

    /// <summary>One instruction writes many model specific registers, of which a probe may want one.</summary>
    private bool IsWanted(StubProbe probe, Trap trap) =>
        probe.Placed.Compiled.Site is not MsrSite { Msr: { } wanted } || trap is not ExecuteTrap { Write: { } write } || write.Msr(_vcpu.Current) is not { } msr || msr == wanted;

    private (GuestRegister, ulong)? WrittenBy(Trap trap)
    {
        if (trap is not ExecuteTrap { Write: { } write })
            return null;
        GuestRegister? register = write.Kind switch
        {
            PrivilegedWrite.Cr0 => GuestRegister.Cr0,
            PrivilegedWrite.Cr3 => GuestRegister.Cr3,
            PrivilegedWrite.Cr4 => GuestRegister.Cr4,
            PrivilegedWrite.Cr8 => GuestRegister.Cr8,
            _ => null,
        };
        return register is { } r && write.NewValue(_vcpu.Current, _vcpu.Current(r)) is { } value ? (r, value) : null;
    }

    private void RunProgram(StubProbe probe, (GuestRegister Register, ulong Value)? written)
    {
        _vcpu.Begin(probe, written);
        ProgramResult result = probe.Program.Run(_vcpu);
        if (result.End != ProgramEnd.Finished)
        {
            // Compiled programs do not do that; whatever it is, the guest and the other probes go on.
            _events.Notice($"The program of probe {probe.Id} was ended at instruction {result.Instruction}: {result.End}.", isError: true, probe.Id);
        }
        probe.Count(_vcpu.HasActed);
        _ran.Add(probe);
    }

    /// <summary>Executes the trapped instruction with the other vCPUs standing still, and deals with what it touches.</summary>
    private void StepOver(int vcpu)
    {
        StopReply? stop = _stepper.StepOver(vcpu, _vcpus.ThreadOf(vcpu));
        if (stop is null)
            return;
        if (_traps.Watches.Count > 0)
            _stepped.Add(vcpu);
        Demand(stop);
        if (stop.Watch is { } watched)
        {
            Enter(vcpu);
            OnWatches(watched);
            ApplySelections();
        }
    }

    /// <summary>A step's end is to be its own.</summary>
    private void Demand(StopReply stop)
    {
        if (stop.HasExited)
            throw new VmiException(VmiErrorCode.MachineLost, $"Machine '{Machine.Name}' has ended.", Machine.Name);
        if (stop.Signal != StopReply.Trap)
            Hold($"The machine stands still, as {stop.Cause}; probes go on when it does.");
    }

    private void ApplySelections()
    {
        if (_vcpu.Selections.Count == 0)
            return;
        foreach ((int id, int body) in _vcpu.Selections)
        {
            if (!_probes.TryGetValue(id, out StubProbe? probe) || body >= probe.BodyCount || probe.Body == body)
                continue;
            int before = probe.Body;
            bool wasActive = probe.IsActive;
            probe.Body = body;
            if (probe.IsActive == wasActive)
                continue;
            try
            {
                Place();
            }
            catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused)
            {
                probe.Body = before;
                _events.Notice($"Probe {id} keeps its body: {e.Message}", isError: true, id);
            }
        }
        _vcpu.ClearSelections();
    }

    private void AfterPrograms(long start)
    {
        ApplySelections();
        if (_vcpu.IsPauseWanted)
            Hold(null);
        TellKept();
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        foreach (StubProbe probe in _ran)
            probe.AddTime(time);
        _ran.Clear();
    }

    /// <summary>Whether somebody has resumed a machine that was paused, which nobody tells. The stub is asked and not the monitor, which serves one
    /// client at a time: whoever has paused the machine needs it to resume it.</summary>
    private void WatchResumption()
    {
        // Where it has left it is not to be halted, not even for a look.
        if (!_held || _migration.Stage != MigrationStage.None)
            return;
        TakeStops();
        if (!_held)
            return;
        // A machine that stands still says nothing to that; one that runs is halted.
        _connection.Halt();
        if (!_connection.HasStop)
            return;
        while (_connection.HasStop)
            OnStop(resume: false);
        StubProbe[] waiting = [.. _inOrder.Where(probe => probe.Placed.Compiled.Site is ResumeSite && probe.IsActive)];
        long start = Stopwatch.GetTimestamp();
        foreach (int vcpu in waiting.Length > 0 ? _vcpus.Numbers : [])
        {
            _vcpu.BeginStop(DateTime.UtcNow);
            Enter(vcpu);
            foreach (StubProbe probe in waiting)
                RunProgram(probe, written: null);
        }
        AfterPrograms(start);
        GoOn();
    }

    private void Emit(StubVcpu vcpu, int schema, ReadOnlySpan<byte> record)
    {
        var origin = new RecordOrigin(vcpu.Time, vcpu.Probe!.NextSequence(), Machine.Name, vcpu.Vcpu);
        if (vcpu.IsPauseWanted)
            _kept.Add((schema, origin, record.ToArray()));
        else
            _events.Record(schema, origin, record);
    }

    private void TellKept()
    {
        foreach ((int schema, RecordOrigin origin, byte[] record) in _kept)
            _events.Record(schema, origin, record);
        _kept.Clear();
    }
}
