using System.Net.Sockets;
using System.Text.RegularExpressions;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines;
using VmiPl.Machines.Processes;

namespace VmiPl.Probes.GdbStub;

/// <summary>QEMU's gdbstub on a running machine: opened through the monitor on a private socket that a guardian holds as well, and closed again. The
/// monitor's words were seen with QEMU 7.2 and 10.0.</summary>
internal sealed partial class StubDoor : IDisposable
{
    private readonly IMachineMonitor _monitor;
    private readonly SessionFolder _folder;
    private readonly Guardian _guardian;
    private bool _isOpen = true;
    private string? _replaced;

    private StubDoor(IMachineMonitor monitor, SessionFolder folder, Guardian guardian, Socket socket)
    {
        _monitor = monitor;
        _folder = folder;
        _guardian = guardian;
        Socket = socket;
    }

    /// <summary>The connection; the machine has stood still since it was made.</summary>
    public Socket Socket { get; }

    /// <summary>Whether the guardian still stands by.</summary>
    public bool IsGuarded => !_guardian.Ended.IsCompleted;

    /// <summary>Opens the stub and connects, which stops the machine; <paramref name="leavePaused"/> where it stands still already. The guardian takes
    /// that stop for ours until <see cref="LetRun"/> is called. Throws <c>StubBusy</c> where the stub is open already, and why it can't be opened.
    /// <paramref name="between"/>: one that waits for its client is closed, and opened again with ours closed.</summary>
    public static StubDoor Open(VmiMachine machine, bool leavePaused, bool between = false)
    {
        IMachineMonitor monitor = machine.GetMonitor();
        string? other = GdbServerState.Find(monitor);
        bool isOurs = other is not null && OurSocket().IsMatch(other);
        // One of ours that nobody is connected to is what a guardian has left that was killed, or could not reach the monitor.
        string? waiting = other is null ? null : GdbServerState.DeviceOf(other);
        bool isFree = waiting is not null && (isOurs || between) && CloseStub(monitor) is null;
        if (other is not null && !isFree)
            throw new VmiException(
                VmiErrorCode.StubBusy,
                $"The gdbstub of machine '{machine.Name}' is open already ({other}). QEMU has one: end the other client and close it with the monitor command 'gdbserver none'.",
                machine.Name);
        SessionFolder folder = SessionFolder.Create(machine.ProcessId is int id && ProcFs.UserId(id) is uint user ? user : NativeFolder.UserId);
        Guardian? guardian = null;
        try
        {
            guardian = Guardian.Start(folder.SocketPath, (monitor as MonitorBase)?.ForAnotherProgram() ?? []);
            string answer = monitor.HumanCommand($"gdbserver {folder.DeviceOption}").Trim();
            if (GdbServerState.Find(monitor) is not { } opened || !opened.Contains(folder.SocketPath, StringComparison.Ordinal))
                throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU does not open its gdbstub: {(answer.Length > 0 ? answer : "it does not say why")}", machine.Name);
            // Before the machine is stopped: this process may die at any moment.
            if (leavePaused)
                guardian.LeavePaused();
            else
                guardian.ExpectOwnStop();
            return new StubDoor(monitor, folder, guardian, guardian.Connect(machine.Limits.MonitorTimeout))
            {
                _replaced = isOurs ? null : waiting,
            };
        }
        catch
        {
            CloseStub(monitor);
            guardian?.Quit();
            guardian?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Tells the guardian that the machine is to run: said behind each of our own stops, once it does.</summary>
    public void LetRun() => _guardian.LetRun();

    /// <summary>Tells the guardian that the machine is paused, and to stay so.</summary>
    public void LeavePaused() => _guardian.LeavePaused();

    /// <summary>Tells the guardian that the machine stands still by this process's doing, or will in a moment.</summary>
    public void ExpectStop() => _guardian.ExpectOwnStop();

    /// <summary>As <see cref="ExpectStop"/>, at the end of a session, which goes on to its own end should the guardian have gone.</summary>
    public void TryExpectStop()
    {
        try
        {
            ExpectStop();
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.GuardianUnavailable)
        {
            // It goes at once when QEMU closes the connection, before this process has seen that.
        }
    }

    /// <summary>Closes the stub. The caller has taken its traps out, and resumed the machine or left it paused. Where it was resumed, it is once more if a
    /// stop of the stub's came behind that. Returns what did not work, in words, or null.</summary>
    public string? Close(bool resume)
    {
        if (!_isOpen)
            return null;
        Leave();
        return CloseStub(_monitor) ?? (resume ? ResumeFromEvent() : null) ?? (_replaced is null ? null : Serve(_monitor, _replaced + ",wait=off"));
    }

    /// <summary>Leaves a stub that is no longer ours: it stays as it is.</summary>
    public void Leave()
    {
        if (!_isOpen)
            return;
        _isOpen = false;
        Socket.Dispose();
        _guardian.Quit();
        _guardian.Dispose();
        _folder.Dispose();
    }

    /// <summary>Leaves what is to be undone to the guardian, as if this process had ended.</summary>
    public void Abandon()
    {
        if (!_isOpen)
            return;
        _isOpen = false;
        Socket.Dispose();
        _guardian.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => Abandon();

    private string? ResumeFromEvent()
    {
        try
        {
            // Another client's stub stops the machine for events of its own.
            if (_monitor.HumanCommand("info status").Contains("(debug)", StringComparison.Ordinal) && GdbServerState.Find(_monitor) is null)
                _monitor.Resume();
            return null;
        }
        catch (VmiException e)
        {
            return e.Code == VmiErrorCode.MachineLost ? null : $"Whether the machine runs could not be asked: {e.Message}";
        }
    }

    private static string? CloseStub(IMachineMonitor monitor) => Serve(monitor, "none");

    private static string? Serve(IMachineMonitor monitor, string device)
    {
        try
        {
            monitor.HumanCommand("gdbserver " + device);
            return null;
        }
        catch (VmiException e)
        {
            return e.Code == VmiErrorCode.MachineLost ? null : $"QEMU's gdbstub is not as it was, as the monitor cannot be reached ('gdbserver {device}'): {e.Message}";
        }
    }

    /// <summary>A path that <see cref="SessionFolder"/> gives.</summary>
    [GeneratedRegex("/vmipl(-[0-9]+)?/[0-9a-f]{12}/gdb(,|$)")]
    private static partial Regex OurSocket();
}
