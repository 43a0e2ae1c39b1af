using System.Net.Sockets;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines;
using VmiPl.Machines.Processes;

namespace VmiPl.Probes.GdbStub;

/// <summary>QEMU's gdbstub on a running machine: opened through the monitor on a private socket that a guardian holds as well, and closed again. The
/// monitor's words were seen with QEMU 7.2 and 10.0.</summary>
internal sealed class StubDoor : IDisposable
{
    private const string ChardevName = "gdb:", OurFolder = "/vmipl";

    private readonly IMachineMonitor _monitor;
    private readonly SessionFolder _folder;
    private readonly Guardian _guardian;
    private bool _isOpen = true;

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

    /// <summary>Opens the stub and connects, which stops the machine. Throws <c>StubBusy</c> where the stub is open already, and why it can't be
    /// opened.</summary>
    public static StubDoor Open(VmiMachine machine)
    {
        IMachineMonitor monitor = machine.GetMonitor();
        if (FindChardev(monitor) is { } other && !TakeOver(monitor, other))
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
            if (FindChardev(monitor) is not { } opened || !opened.Contains(folder.SocketPath, StringComparison.Ordinal))
                throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU does not open its gdbstub: {(answer.Length > 0 ? answer : "it does not say why")}", machine.Name);
            return new StubDoor(monitor, folder, guardian, guardian.Connect(machine.Limits.MonitorTimeout));
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

    /// <summary>Tells the guardian what to do with a machine that it finds stopped.</summary>
    public void Guard(bool leavePaused)
    {
        if (leavePaused)
            _guardian.LeavePaused();
        else
            _guardian.LetRun();
    }

    /// <summary>Tells the guardian that the machine is about to be stopped by this process.</summary>
    public void ExpectStop() => _guardian.ExpectOwnStop();

    /// <summary>Closes the stub. The caller has taken its traps out, and resumed the machine or left it paused. Returns what did not work, in words, or
    /// null.</summary>
    public string? Close()
    {
        if (!_isOpen)
            return null;
        _isOpen = false;
        Socket.Dispose();
        _guardian.Quit();
        string? problem = CloseStub(_monitor);
        _guardian.Dispose();
        _folder.Dispose();
        return problem;
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

    private static string? CloseStub(IMachineMonitor monitor)
    {
        try
        {
            monitor.HumanCommand("gdbserver none");
            return null;
        }
        catch (VmiException e)
        {
            return e.Code == VmiErrorCode.MachineLost ? null : $"QEMU's gdbstub stays open, as the monitor cannot be reached: {e.Message}";
        }
    }

    /// <summary>What the stub listens on, as <c>info chardev</c> tells it: <c>gdb: filename=disconnected:unix:/run/x,server=on</c>; null where it is
    /// not open.</summary>
    private static string? FindChardev(IMachineMonitor monitor) => monitor.HumanCommand("info chardev").Split('\n')
        .FirstOrDefault(line => line.StartsWith(ChardevName, StringComparison.Ordinal))?[ChardevName.Length..].Trim();

    /// <summary>A stub of ours that nobody is connected to is what a guardian has left that was killed, or could not reach the monitor.</summary>
    private static bool TakeOver(IMachineMonitor monitor, string chardev) =>
        chardev.Contains("disconnected:", StringComparison.Ordinal) && chardev.Contains(OurFolder, StringComparison.Ordinal) && CloseStub(monitor) is null;
}
