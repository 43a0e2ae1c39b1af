using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>How a machine is left.</summary>
internal sealed partial class StubSession
{
    // Whoever takes the stub away does so by two commands of the monitor, and ours may come between them.
    private const int ReclaimTries = 3;

    private const byte Hlt = 0xf4;
    private static readonly TimeSpan StepTime = TimeSpan.FromMilliseconds(100);

    // vCPUs that were stepped while memory was watched.
    private readonly HashSet<int> _stepped = [];

    /// <summary>Takes the traps out, resumes the machine where nobody wants it paused, and closes the stub. What cannot be done here is left to the
    /// guardian. Gives what did not work.</summary>
    public VmiException? Leave()
    {
        TellKept();
        try
        {
            if (!_held)
                _door.TryExpectStop();
            _connection.Halt();
            // Events that come too late for their programs: their vCPUs stand before the instruction, and execute it when they go on. Where the
            // machine was thought to be paused, any stop tells that it had been resumed.
            while (_connection.TryTakeStop(out _))
                _held = false;
            _traps.Clear(_connection);
            TakeLateStops();
            if (!_held)
                _connection.Demand("D");
        }
        catch (VmiException e)
        {
            _connection.Dispose();
            if (e.Code == VmiErrorCode.StubLost && Machine.Process?.IsAlive() != false)
            {
                _door.Leave();
                return Reclaim();
            }
            _door.Abandon();
            return e.Code == VmiErrorCode.MachineLost ? null : e;
        }
        return Close(_door);
    }

    /// <summary>A step that touches watched memory may leave a stop behind in QEMU's TCG (<c>CPU_INTERRUPT_DEBUG</c> beside the step's own end), which
    /// comes when the vCPU is resumed: with nobody there to hear of it, the machine would stand still for good. Another step, with the traps out, has
    /// it told. A vCPU that is halted has run since, and would not end a step.</summary>
    private void TakeLateStops()
    {
        Span<byte> last = stackalloc byte[1];
        foreach (int vcpu in _stepped.Where(_vcpus.Numbers.Contains))
        {
            Enter(vcpu);
            if (_vcpu.ReadVirtual(_vcpu.InstructionPointer - 1, 0, last) == 1 && last[0] == Hlt)
                continue;
            _connection.Resume("vCont;s:" + _vcpus.ThreadOf(vcpu));
            if (!_connection.WaitForStop(signal: null, StepTime))
                _connection.Halt();
            while (_connection.TryTakeStop(out _))
            {
            }
        }
    }

    /// <summary>Somebody has closed the stub under us. QEMU keeps breakpoints then, and would stop at the next one with nobody there to hear of it: so
    /// the stub is opened once more for as long as it takes to remove them.</summary>
    private VmiException? Reclaim(int tries = ReclaimTries)
    {
        try
        {
            using StubDoor door = StubDoor.Open(Machine, leavePaused: _held, between: true);
            using var connection = new StubConnection(door.Socket, Machine.Limits.MonitorTimeout);
            connection.Halt();
            _traps.Clear(connection);
            if (!_held)
            {
                EndSteps(connection);
                connection.Demand("D");
            }
            return Close(door);
        }
        catch (VmiException e) when (tries > 1 && e.Code is VmiErrorCode.StubLost or VmiErrorCode.MonitorUnavailable)
        {
            return Reclaim(tries - 1);
        }
        catch (VmiException e)
        {
            return e.Code == VmiErrorCode.MachineLost ? null : new VmiException(
                e.Code, $"The probes' breakpoints are still in the machine, which stops at them: they go when a client of the gdbstub detaches. {e.Message}", Machine.Name, e);
        }
    }

    /// <summary>A step whose end QEMU could tell nobody goes on: the vCPU stops behind each instruction. It is over for the thread of <c>Hc</c> when the next
    /// stop is told (gdbstub.c, <c>gdb_vm_state_change</c>), and a vCPU that stops for it tells one itself.</summary>
    private void EndSteps(StubConnection connection)
    {
        foreach (int vcpu in _vcpus.Numbers)
        {
            connection.Demand("Hc" + _vcpus.ThreadOf(vcpu));
            connection.Resume("vCont;c");
            connection.Halt();
            while (connection.TryTakeStop(out _))
            {
            }
        }
    }

    private VmiException? Close(StubDoor door) =>
        door.Close(resume: !_held) is { } problem ? new VmiException(VmiErrorCode.MonitorUnavailable, problem, Machine.Name) : null;
}
