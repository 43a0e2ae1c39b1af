using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes.GdbStub;

/// <summary>Gets a vCPU past a trapped instruction while all others stand still, so that none of them can run through a trap that is lifted. An
/// instruction that faults is executed again by the guest, once the fault is dealt with: that second time is no event. For the driver's
/// thread.</summary>
internal sealed class StubStepper(StubConnection connection, StubTraps traps, StubVcpu vcpu, IReadOnlySet<ulong> faultHandlers, bool stepsThroughTraps)
{
    // A repeated string instruction is stepped one repetition at a time, and others want the machine meanwhile.
    private const int MaxRepetitions = 256;

    // Steps after which nothing has moved.
    private const int MaxStood = 3;

    // Threads that wait for their fault to be dealt with; more than a guest has in user code that is probed.
    private const int MaxRetries = 256;

    private const ulong TrapFlag = 1 << 8, ControlFlowEnforcement = 1 << 23;

    // The registers with which a thread's instruction has faulted.
    private readonly Dictionary<(ulong Rip, ulong Rsp, ulong Cr3), ulong[]> _retries = [];
    private bool _stepsThroughTraps = stepsThroughTraps;

    /// <summary>Whether the vCPU executes an instruction again that has faulted: at the same place, with nothing changed. Asked once per hit.</summary>
    public bool IsRetry(StubVcpu at) => _retries.Count > 0 && _retries.Remove(KeyOf(at), out ulong[]? before) && before.AsSpan().SequenceEqual(at.General);

    /// <summary>Executes the instruction that the vCPU stands before, if it is still trapped. Gives the stop behind it, or null where nothing had to be
    /// executed.</summary>
    public StopReply? StepOver(int index, string thread)
    {
        ulong at = vcpu.InstructionPointer;
        if (traps.At(at) is not { } point || TrySkip(point))
            return null;
        (ulong, ulong, ulong) key = KeyOf(vcpu);
        bool lift = !_stepsThroughTraps;
        if (lift)
            traps.Lift(point);
        try
        {
            for (int steps = 1, stood = 0; ; steps++)
            {
                ulong[] before = [.. vcpu.General];
                StopReply stop = Step(thread);
                if (stop.HasExited)
                    return stop;
                vcpu.Enter(index, thread);
                if (vcpu.InstructionPointer != at)
                {
                    if (faultHandlers.Contains(vcpu.InstructionPointer))
                        Remember(key, before);
                    return stop;
                }
                bool stands = before.AsSpan().SequenceEqual(vcpu.General);
                if (stop.Watch is not null || stop.Signal != StopReply.Trap || (!stands && steps >= MaxRepetitions))
                {
                    // It goes on later: for this event all is done.
                    Remember(key, [.. vcpu.General]);
                    return stop;
                }
                // A step may end before it has begun, where something else wanted the vCPU's attention. Twice is no chance: QEMU's TCG lets a step
                // through a breakpoint since 6.2, and an older one does not. What then still stands jumps to itself.
                stood = stands ? stood + 1 : 0;
                if (stood == MaxStood)
                    return stop;
                if (stood == MaxStood - 1 && !lift)
                {
                    traps.Lift(point);
                    lift = true;
                    _stepsThroughTraps = false;
                }
            }
        }
        finally
        {
            if (lift)
                traps.PutBack(point);
        }
    }

    /// <summary>Has a vCPU execute one instruction, which must not be trapped.</summary>
    public StopReply Step(string thread)
    {
        connection.Resume("vCont;s:" + thread);
        return connection.WaitForStop();
    }

    private void Remember((ulong, ulong, ulong) key, ulong[] registers)
    {
        if (_retries.Count >= MaxRetries)
            _retries.Clear();
        _retries[key] = registers;
    }

    /// <summary>An instruction that does nothing is passed without being executed, unless somebody in the guest would notice.</summary>
    private bool TrySkip(TrapPoint point)
    {
        if ((vcpu.Current(GuestRegister.Rflags) & TrapFlag) != 0 || (vcpu.Current(GuestRegister.Cr4) & ControlFlowEnforcement) != 0 || point.IsInMemory)
            return false;
        Span<byte> code = stackalloc byte[15];
        code = code[..vcpu.ReadVirtual(point.Place.Address, 0, code)];
        if (InstructionFacts.Of(code, vcpu.CodeMode) is not { IsNop: true } facts)
            return false;
        vcpu.SetInstructionPointer(point.Place.Address + (ulong)facts.Length);
        return true;
    }

    private static (ulong, ulong, ulong) KeyOf(StubVcpu at) => (at.InstructionPointer, at.Current(GuestRegister.Rsp), at.Current(GuestRegister.Cr3));
}
