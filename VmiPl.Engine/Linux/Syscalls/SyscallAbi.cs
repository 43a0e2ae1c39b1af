namespace VmiPl.Linux.Syscalls;

/// <summary>By which rules a program calls the kernel. A 64-bit kernel serves both; they number their calls differently.</summary>
public enum SyscallAbi
{
    /// <summary>64-bit programs: the instruction <c>syscall</c>.</summary>
    X64,
    /// <summary>32-bit programs: <c>int 0x80</c> or <c>sysenter</c>.</summary>
    I386,
}
