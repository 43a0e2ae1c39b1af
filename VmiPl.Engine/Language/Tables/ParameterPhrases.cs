namespace VmiPl.Language.Tables;

/// <summary>What each kind of parameter has to be, in words that complete "it is …".</summary>
public static class ParameterPhrases
{
    /// <summary>Bytes that one read can have at most.</summary>
    public const int MaxByteCount = 65_536;

    /// <summary>The highest process id that Linux gives (PID_MAX_LIMIT, <c>include/linux/threads.h</c>).</summary>
    public const int MaxProcessId = 4_194_304;

    /// <summary>Bytes of a process's name without the closing NUL (TASK_COMM_LEN, <c>include/linux/sched.h</c>).</summary>
    public const int MaxProcessName = 15;

    /// <summary>The phrase for a kind.</summary>
    public static string Of(ParameterKind kind) => kind switch
    {
        ParameterKind.ControlRegister => "a control register number (0, 3, 4 or 8)",
        ParameterKind.Msr => "a model specific register's name, or its number from 0 to 0xffffffff",
        ParameterKind.SystemCall => "a system call's name, its number from 0 to 0x7fffffff, or `-` for any",
        ParameterKind.Vector => "a vector number from 0 to 255",
        ParameterKind.Request => "a request number from 0 to 0x7fffffff",
        ParameterKind.Address => "an address: a number or a kernel symbol, with or without an offset",
        ParameterKind.Register => "a register",
        ParameterKind.RegisterOrAddress => "a register or an address",
        ParameterKind.ByteCount => $"a number of bytes from 1 to {MaxByteCount}",
        ParameterKind.Offset => "a number of bytes from -0x8000000000000000 to 0x7fffffffffffffff",
        ParameterKind.Value => "a number, which may be negative",
        ParameterKind.ValueSize => "a number of bytes: 1, 2, 4 or 8",
        ParameterKind.ProcessField => "PID, NAME, PATH or PGDP",
        ParameterKind.ProcessKey => "PID or NAME",
        ParameterKind.ProcessIdentity => $"a process id from 0 to {MaxProcessId} behind PID, a name in quotes behind NAME",
        ParameterKind.VmcsField => "a field of the VMCS",
        ParameterKind.MacAddress => "a MAC address",
        ParameterKind.Probe => "an event probe's id or label",
        _ => "a stream (`#name`) or a file",
    };
}
