namespace VmiPl.Linux.Syscalls;

/// <summary>What a <see cref="SyscallTable"/> was read from.</summary>
public enum SyscallSource
{
    /// <summary>Nothing was found: the kernel does not serve this ABI, or hides how it does.</summary>
    None,
    /// <summary>The code that goes from a number to its handler (<c>x64_sys_call</c>, <c>ia32_sys_call</c>), which kernels since 6.9 and
    /// their older siblings with the same security fix really use.</summary>
    Dispatcher,
    /// <summary>The array of handlers (<c>sys_call_table</c>, <c>ia32_sys_call_table</c>).</summary>
    Table,
    /// <summary>The handlers' own names alone.</summary>
    Names,
}
