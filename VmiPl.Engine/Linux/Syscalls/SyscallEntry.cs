using VmiPl.Memory;

namespace VmiPl.Linux.Syscalls;

/// <summary>One system call of a guest's kernel.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Name">The kernel headers' name of that number; for one that they lack, the handler's symbol without its prefix.</param>
/// <param name="HandlerSymbol">The symbol at the handler's first byte; null where the kernel has none there, as when the call was redirected.</param>
/// <param name="Handler">The handler's address.</param>
/// <param name="IsImplemented">Whether this kernel was built with the call. If not, the handler only says that there is none.</param>
public sealed record SyscallEntry(int Number, string Name, string? HandlerSymbol, GuestVirtualAddress Handler, bool IsImplemented);
