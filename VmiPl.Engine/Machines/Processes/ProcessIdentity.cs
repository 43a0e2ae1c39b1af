using System.Buffers.Text;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Interop;

namespace VmiPl.Machines.Processes;

/// <summary>One process for as long as it lives, never another that was given its id later: it holds
/// <c>/proc/PID/stat</c> open, and the kernel ties that to the process, not to the number. Safe from any thread.</summary>
internal sealed class ProcessIdentity : IDisposable
{
    private const int CheckEveryMs = 20;
    private const int Exiting = 4;   // PF_EXITING, linux/sched.h
    private readonly SafeFileHandle _stat;
    private long _checkedAt = Environment.TickCount64;
    private volatile bool _dead;

    private ProcessIdentity(int id, SafeFileHandle stat)
    {
        Id = id;
        _stat = stat;
    }

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>The process of that id, or <c>MachineLost</c> where there is none.</summary>
    public static ProcessIdentity Open(int id)
    {
        SafeFileHandle stat = NativeFile.TryOpen(ProcFs.PathOf(id, "stat"), writable: false, out _) ?? throw Lost(id);
        var identity = new ProcessIdentity(id, stat);
        if (identity.IsAlive())
            return identity;
        identity.Dispose();
        throw Lost(id);
    }

    /// <summary>Whether it lives: a zombie does not.</summary>
    public bool IsAlive()
    {
        if (_dead)
            return false;
        // No allocation: this runs in the middle of reads.
        Span<byte> text = stackalloc byte[1024];
        text = text[..NativeFile.Read(_stat, 0, text)];
        bool alive = IsAlive(text);
        _dead = !alive;
        return alive;
    }

    /// <summary>Whether the text of a <c>stat</c> file (man 5 proc: <c>pid (comm) state ppid pgrp session tty_nr tpgid flags</c>…)
    /// is that of a living process. Its sockets and memory go before it becomes a zombie; a flag tells that it is on its way.</summary>
    internal static bool IsAlive(ReadOnlySpan<byte> stat)
    {
        // The name may hold spaces and parentheses, so the last one counts.
        int close = stat.LastIndexOf((byte)')');
        if (close < 0 || close + 2 >= stat.Length)
            return false;
        ReadOnlySpan<byte> rest = stat[(close + 2)..];
        if (rest[0] is (byte)'Z' or (byte)'X' or (byte)'x')
            return false;
        for (int field = 0; field < 6; field++)
            rest = rest[(rest.IndexOf((byte)' ') + 1)..];
        return Utf8Parser.TryParse(rest, out ulong flags, out _) && (flags & Exiting) == 0;
    }

    /// <summary>Throws <c>MachineLost</c> where the process is gone.</summary>
    public void Demand()
    {
        if (!IsAlive())
            throw Lost(Id);
    }

    /// <summary>As <see cref="Demand"/>, looking only when <see cref="CheckEveryMs"/> have passed since the last look: cheap
    /// enough for every read.</summary>
    public void DemandNowAndThen()
    {
        long now = Environment.TickCount64;
        if (now - Volatile.Read(ref _checkedAt) < CheckEveryMs && !_dead)
            return;
        Volatile.Write(ref _checkedAt, now);
        Demand();
    }

    /// <inheritdoc/>
    public void Dispose() => _stat.Dispose();

    /// <summary>The error for a process that is gone.</summary>
    public static VmiException Lost(int id) =>
        new(VmiErrorCode.MachineLost, $"The QEMU process {id} is gone.", id.ToString(CultureInfo.InvariantCulture));
}
