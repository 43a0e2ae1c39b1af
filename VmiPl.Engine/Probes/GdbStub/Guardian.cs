using System.Buffers.Binary;
using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using VmiPl.Errors;
using VmiPl.Interop;

namespace VmiPl.Probes.GdbStub;

/// <summary>A small process (<c>native-shim/guardian</c>) that holds the connection to the gdbstub together with this one. Should
/// this process die, it lets the guest run (or leaves it paused, where that was on purpose), without breakpoints, and closes the
/// gdbstub. It is told what to do then; the last word counts. Dispose without <see cref="Quit"/> is the host's death to it.
/// Safe from several threads.</summary>
internal sealed class Guardian : IDisposable
{
    private const int AnswerBytes = 4;
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(10), EndTime = TimeSpan.FromSeconds(2), SendTime = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly Socket _control;
    private readonly string _socketPath;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isWatched;
    private byte _hint = (byte)'R';

    private Guardian(Socket control, string socketPath)
    {
        _control = control;
        _socketPath = socketPath;
        _control.SendTimeout = (int)SendTime.TotalMilliseconds;
    }

    /// <summary>The guardian's process id, for logs and tests.</summary>
    public int ProcessId => PeerCredentials.ProcessId(_control);

    /// <summary>Completes, without an error, when the guardian is gone: it was killed, or QEMU has ended or closed the gdbstub. The
    /// session must end then. Known from <see cref="Connect"/> on; until then it does not complete.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Starts a guardian for the gdbstub at <paramref name="socketPath"/>, which need not be there yet; the folder of that
    /// path is removed with it. <paramref name="monitor"/> says how the guardian reaches the machine's monitor
    /// (<see cref="Machines.MonitorBase.ForAnotherProgram"/>), empty where it can't. Throws <c>GuardianUnavailable</c>.</summary>
    public static Guardian Start(string socketPath, IReadOnlyList<string> monitor)
    {
        using NativeProgram program = NativeProgram.Open(NativeProgram.Guardian, VmiErrorCode.GuardianUnavailable);
        // An abstract name leaves no file behind; the kernel tells who comes.
        string name = $"vmipl-{Guid.NewGuid():N}";
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint("\0" + name));
        listener.Listen(8);
        using Process process = Launch(program.FullName, ["@" + name, socketPath, .. monitor]);
        return new Guardian(Accept(listener, process, program.FullName), socketPath);
    }

    /// <summary>Connects to the gdbstub, whereby QEMU stops the machine. The socket is the caller's to dispose. Throws
    /// <c>GuardianUnavailable</c>, <c>Timeout</c> or <c>MonitorUnavailable</c> (nothing listens at the path, or somebody else
    /// is served); after these it may be tried again.</summary>
    public Socket Connect(TimeSpan timeout)
    {
        lock (_lock)
        {
            if (_isWatched)
                throw new InvalidOperationException("The guardian is connected.");
            Tell('C');
            if (!_control.Poll(timeout, SelectMode.SelectRead))
                throw new VmiException(VmiErrorCode.Timeout, $"The guardian did not connect to '{_socketPath}' within {timeout.TotalSeconds:0.#} s.", _socketPath);
            Span<byte> answer = stackalloc byte[AnswerBytes];
            int got = FileDescriptors.Receive(_control, answer, out SafeSocketHandle? handle);
            int error = got == AnswerBytes ? BinaryPrimitives.ReadInt32LittleEndian(answer) : 0;
            if (handle is not null)
            {
                Watch();
                return new Socket(handle);
            }
            throw error != 0
                ? new VmiException(VmiErrorCode.MonitorUnavailable, $"The gdbstub '{_socketPath}' can't be reached: {Errno.Text(error)}.", _socketPath)
                : Gone();
        }
    }

    /// <summary>Should this process die, the machine is to run, unless QEMU's unread answers or its monitor say that another program has
    /// stopped it. It is so from the start. Throws <c>GuardianUnavailable</c>.</summary>
    public void LetRun() => Hint('R');

    /// <summary>Said before this process stops the running machine itself (0x03): as <see cref="LetRun"/>, but a stop that looks
    /// like another's is taken for ours. <see cref="LetRun"/> ends it, once the machine runs again. Throws
    /// <c>GuardianUnavailable</c>.</summary>
    public void ExpectOwnStop() => Hint('S');

    /// <summary>Should this process die, the machine is to stay as it is: an operator or another program has paused it. Throws
    /// <c>GuardianUnavailable</c>.</summary>
    public void LeavePaused() => Hint('P');

    /// <summary>The clean end: this process has taken its breakpoints out, let the machine run and closed the gdbstub. The guardian
    /// touches the guest no more, removes the socket and its folder, and ends; at most two seconds are waited for that. Does
    /// nothing where the guardian has ended.</summary>
    public void Quit()
    {
        lock (_lock)
        {
            try
            {
                Tell('Q');
            }
            catch (VmiException)
            {
                return;
            }
            if (!_isWatched)
                Watch();
            Ended.Wait(EndTime);
        }
    }

    /// <summary>Closes the connection to the guardian.</summary>
    public void Dispose() => _control.Dispose();

    private void Hint(char hint)
    {
        lock (_lock)
        {
            if (_hint == hint)
                return;
            Tell(hint);
            _hint = (byte)hint;
        }
    }

    private void Tell(char command)
    {
        try
        {
            _control.Send([(byte)command]);
        }
        catch (SocketException e)
        {
            throw Gone(e);
        }
    }

    /// <summary>After its answer the guardian says nothing more: what can be received is its end.</summary>
    private async void Watch()
    {
        _isWatched = true;
        try
        {
            await _control.ReceiveAsync(new byte[1]).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Gone all the same.
        }
        _ended.SetResult();
    }

    private VmiException Gone(Exception? inner = null) =>
        new(VmiErrorCode.GuardianUnavailable, "The guardian of this session has ended; without it no probe may run.", _socketPath, inner);

    private static Process Launch(string program, IEnumerable<string> arguments)
    {
        // With files of its own from the start, .NET leaves the terminal's settings alone.
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/",
        };
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new VmiException(VmiErrorCode.GuardianUnavailable, $"The guardian '{program}' can't be started: {e.Message}.", program, e);
        }
    }

    private static Socket Accept(Socket listener, Process process, string program)
    {
        using var deadline = new CancellationTokenSource(StartTime);
        try
        {
            // It forks and ends; its child is the one that comes. Arguments that it doesn't take end it with another code.
            process.WaitForExitAsync(deadline.Token).GetAwaiter().GetResult();
            while (process.ExitCode == 0)
            {
                Socket client = listener.AcceptAsync(deadline.Token).AsTask().GetAwaiter().GetResult();
                if (PeerCredentials.UserId(client) == NativeFolder.UserId)
                    return client;
                client.Dispose();   // a name without a file can be called by every user
            }
        }
        catch (OperationCanceledException e)
        {
            throw new VmiException(VmiErrorCode.GuardianUnavailable, $"The guardian '{program}' did not come up.", program, e);
        }
        throw new VmiException(VmiErrorCode.GuardianUnavailable,
            $"The guardian '{program}' ended at once, with code {process.ExitCode}: {process.StandardError.ReadToEnd().Trim()}", program);
    }
}
