namespace VmiPl.TestGuests;

/// <summary>How the system calls of a workload enter the kernel, which decides their numbers.</summary>
public enum SyscallVariant
{
    /// <summary><c>calls N</c>: <c>syscall</c> in a 64-bit guest, <c>int 0x80</c> in a 32-bit one.</summary>
    Native,
    /// <summary><c>calls N compat</c>: <c>int 0x80</c>, with i386's numbers, in both.</summary>
    Compat,
    /// <summary><c>calls N sysenter</c>: the kernel's own entry of its vDSO; 32-bit guests only.</summary>
    Sysenter,
}

/// <summary>One system call that a workload makes.</summary>
/// <param name="Index">Its running number within its process, from 0.</param>
/// <param name="Name">Its name, such as <c>openat</c>.</param>
/// <param name="Number">Its number in the table that its entry uses.</param>
/// <param name="Arguments">The first four arguments as the registers hold them at the entry (RDI, RSI, RDX, R10; EBX, ECX, EDX,
/// ESI); the fifth is 0.</param>
/// <param name="Path">The NUL-terminated text that <c>Arguments[1]</c> points to; null for a call without one.</param>
public sealed record ExpectedSyscall(int Index, string Name, int Number, IReadOnlyList<ulong> Arguments, string? Path);

/// <summary>What the agent's command <c>calls</c> does, call for call (<c>agent/workload_calls.c</c> has the same table).</summary>
public static class SyscallWorkload
{
    /// <summary>Number of processes; the command answers their ids in this order.</summary>
    public const int Processes = 4;

    private enum Shape { Descriptor, Process, Path }

    private static readonly (string Name, int Number64, int Number32, Shape Shape, ulong Flags)[] _kinds =
    [
        ("getpid", 39, 20, Shape.Descriptor, 0),
        ("getppid", 110, 64, Shape.Descriptor, 0),
        ("lseek", 8, 19, Shape.Descriptor, 0),
        ("close", 3, 6, Shape.Descriptor, 0),
        ("write", 1, 4, Shape.Descriptor, 0),
        ("kill", 62, 37, Shape.Process, 0),
        ("openat", 257, 295, Shape.Path, 0x80000), // O_CLOEXEC
        ("getpgid", 121, 132, Shape.Process, 0),
        ("faccessat", 269, 307, Shape.Path, 0),
        ("ftruncate", 77, 93, Shape.Descriptor, 0),
    ];

    /// <summary>The names of the ten kinds.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. _kinds.Select(kind => kind.Name)];

    /// <summary>What process <paramref name="process"/> (0 to 3) does of <c>calls <paramref name="total"/></c>, in order. Its only
    /// other calls are one read before these and exit_group after them.</summary>
    /// <param name="total">The command's number.</param>
    /// <param name="process">Which of the four processes.</param>
    /// <param name="architecture">The guest's.</param>
    /// <param name="entry">The command's variant.</param>
    public static IEnumerable<ExpectedSyscall> Of(int total, int process, GuestArchitecture architecture, SyscallVariant entry)
    {
        var wide = architecture == GuestArchitecture.Amd64 && entry == SyscallVariant.Native;
        var here = unchecked((ulong)-100); // AT_FDCWD
        var path = 0x30000000 + (ulong)process * 0x1000;
        for (var i = 0; i < total / Processes + (process < total % Processes ? 1 : 0); i++)
        {
            var number = (i + process) % _kinds.Length;
            var kind = _kinds[number];
            ulong[] arguments = kind.Shape switch
            {
                Shape.Descriptor => [1000 + (ulong)process, (ulong)i, (ulong)number, 0],
                Shape.Process => [10_000_000 + (ulong)process, 0, (ulong)i, (ulong)number],
                _ => [wide ? here : here & uint.MaxValue, path, kind.Flags, (ulong)i],
            };
            yield return new ExpectedSyscall(i, kind.Name, wide ? kind.Number64 : kind.Number32, arguments,
                kind.Shape == Shape.Path ? $"/calls/{process}/{i}" : null);
        }
    }
}
