using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>How the driver leaves a machine.</summary>
internal sealed partial class GdbStubDriver
{
    /// <summary>Takes the traps out, resumes the machine where nobody wants it paused, and closes the stub. What cannot be done here is left to the
    /// guardian. Gives what did not work.</summary>
    private VmiException? Undo()
    {
        if (_door is null)
            return null;
        try
        {
            if (_connection is null)
                throw new VmiException(VmiErrorCode.StubLost, "There is no connection to the gdbstub.", Machine.Name);
            _connection.Halt();
            while (_connection.TryTakeStop(out StopReply stop))
            {
                // An event that comes too late for its program: its vCPU stands before the instruction, and executes it when it goes on.
                if (_held && stop.Signal == StopReply.Trap)
                    Release();
            }
            _traps?.Become([]);
            if (!_held)
                _connection.Demand("D");
        }
        catch (VmiException e)
        {
            _connection?.Dispose();
            _door.Abandon();
            return e.Code == VmiErrorCode.MachineLost ? null : e;
        }
        return _door.Close() is { } problem ? new VmiException(VmiErrorCode.MonitorUnavailable, problem, Machine.Name) : null;
    }
}
