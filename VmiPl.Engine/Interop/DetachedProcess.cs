using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace VmiPl.Interop;

/// <summary>A child of this process that lives on without it: in a session of its own, so that no terminal's signals or end reach it,
/// with /dev/null for its input and output and a file for its errors. What is left of it when it ends is taken by a thread of its
/// own, as .NET takes only the children that it started itself. Safe from several threads.</summary>
internal sealed unsafe partial class DetachedProcess
{
    private const short SetSignalDefaults = 4, SetSignalMask = 8, SetSession = 0x80;   // spawn.h
    private const int ReadOnly = 0, WriteOnly = 1;                                       // fcntl.h
    private const int ById = 1, Exited = 4, LeaveIt = 0x01000000;                        // sys/wait.h: P_PID, WEXITED, WNOWAIT
    private const int Interrupted = 4;                                                   // errno.h: EINTR
    private const int Kill = 9, Terminate = 15;
    private const int SpareBytes = 1024;   // more than glibc and musl give their structures of posix_spawn
    private const int WaiterStack = 256 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isGone;
    private int? _status;

    private DetachedProcess(int id)
    {
        Id = id;
        new Thread(Await, WaiterStack) { IsBackground = true, Name = $"VmiPl: end of process {id}" }.Start();
    }

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>Completes, without an error, when the process has ended.</summary>
    public Task Ended => _ended.Task;

    /// <summary>How the process has ended, in words: <c>code 1</c>, <c>signal 11</c>. Only after <see cref="Ended"/>.</summary>
    public string End => _status is not { } status ? "an unknown code"
        : (status & 0x7F) is var signal and not 0 ? string.Create(CultureInfo.InvariantCulture, $"signal {signal}")   // man 2 wait
        : string.Create(CultureInfo.InvariantCulture, $"code {(status >> 8) & 0xFF}");

    /// <summary>Starts a program at that path. <paramref name="arguments"/> come after its own name, <paramref name="environment"/> is
    /// all of its environment (<c>NAME=value</c>), <paramref name="folder"/> its working directory; <paramref name="errors"/> stays
    /// the caller's. No text may hold a NUL. Null with the error number where it can't be started.</summary>
    public static DetachedProcess? TryStart(string program, IEnumerable<string> arguments, IEnumerable<string> environment, string folder,
        SafeFileHandle errors, out int error)
    {
        byte* attributes = stackalloc byte[SpareBytes], actions = stackalloc byte[SpareBytes];
        posix_spawnattr_init(attributes);
        posix_spawn_file_actions_init(actions);
        byte** argv = Array([program, .. arguments]), envp = Array([.. environment]);
        try
        {
            SetAttributes(attributes);
            error = SetActions(actions, folder, errors);
            int id = 0;
            if (error == 0)
                error = posix_spawn(&id, program, actions, attributes, argv, envp);
            return error == 0 ? new DetachedProcess(id) : null;
        }
        finally
        {
            Free(argv);
            Free(envp);
            posix_spawn_file_actions_destroy(actions);
            posix_spawnattr_destroy(attributes);
        }
    }

    /// <summary>Asks the process to end, and ends it where it does not within two seconds; returns when it is gone.</summary>
    public void Stop()
    {
        Signal(Terminate);
        if (Ended.Wait(Patience))
            return;
        Signal(Kill);
        Ended.Wait();
    }

    private void Signal(int signal)
    {
        // Its id is its own until what is left of it is taken.
        lock (_lock)
        {
            if (!_isGone)
                kill(Id, signal);
        }
    }

    private void Await()
    {
        byte* information = stackalloc byte[128];   // siginfo_t
        int result;
        do
        {
            result = waitid(ById, (uint)Id, information, Exited | LeaveIt);
        }
        while (result != 0 && Marshal.GetLastPInvokeError() == Interrupted);
        lock (_lock)
        {
            int status;
            // Where SIGCHLD was ignored when this process began, .NET takes every child.
            _status = waitpid(Id, &status, 0) == Id ? status : null;
            _isGone = true;
        }
        _ended.SetResult();
    }

    private static void SetAttributes(byte* attributes)
    {
        // .NET ignores SIGPIPE and a shell's background job SIGINT, and both would be inherited.
        byte* signals = stackalloc byte[SpareBytes];
        sigfillset(signals);
        posix_spawnattr_setsigdefault(attributes, signals);
        sigemptyset(signals);
        posix_spawnattr_setsigmask(attributes, signals);
        posix_spawnattr_setflags(attributes, SetSignalDefaults | SetSignalMask | SetSession);
    }

    /// <summary>Gives the error number, 0 where all is well.</summary>
    private static int SetActions(byte* actions, string folder, SafeFileHandle errors)
    {
        int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", ReadOnly, 0);
        if (error == 0)
            error = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", WriteOnly, 0);
        if (error == 0)
            error = posix_spawn_file_actions_adddup2(actions, (int)errors.DangerousGetHandle(), 2);
        return error != 0 ? error : posix_spawn_file_actions_addchdir_np(actions, folder);
    }

    private static byte** Array(IReadOnlyList<string> texts)
    {
        byte** array = (byte**)NativeMemory.AllocZeroed((nuint)texts.Count + 1, (nuint)sizeof(byte*));
        for (int i = 0; i < texts.Count; i++)
            array[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
        return array;
    }

    private static void Free(byte** array)
    {
        for (byte** text = array; *text is not null; text++)
            Marshal.FreeCoTaskMem((nint)(*text));
        NativeMemory.Free(array);
    }

    // Those without a result can't fail with what they are given here.
    [LibraryImport("libc")]
    private static partial void posix_spawnattr_init(byte* attributes);

    [LibraryImport("libc")]
    private static partial void posix_spawnattr_destroy(byte* attributes);

    [LibraryImport("libc")]
    private static partial void posix_spawnattr_setflags(byte* attributes, short flags);

    [LibraryImport("libc")]
    private static partial void posix_spawnattr_setsigdefault(byte* attributes, byte* signals);

    [LibraryImport("libc")]
    private static partial void posix_spawnattr_setsigmask(byte* attributes, byte* signals);

    [LibraryImport("libc")]
    private static partial void posix_spawn_file_actions_init(byte* actions);

    [LibraryImport("libc")]
    private static partial void posix_spawn_file_actions_destroy(byte* actions);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn_file_actions_addopen(byte* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(byte* actions, int descriptor, int copy);

    // glibc 2.29, musl 1.1.24
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn_file_actions_addchdir_np(byte* actions, string path);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn(int* id, string path, byte* actions, byte* attributes, byte** argv, byte** envp);

    [LibraryImport("libc")]
    private static partial void sigemptyset(byte* signals);

    [LibraryImport("libc")]
    private static partial void sigfillset(byte* signals);

    [LibraryImport("libc")]
    private static partial void kill(int id, int signal);

    [LibraryImport("libc")]
    private static partial int waitpid(int id, int* status, int options);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitid(int kind, uint id, byte* information, int options);
}
