namespace VmiPl.Language.Tables;

/// <summary>What an argument has to be.</summary>
public enum ParameterKind
{
    /// <summary>The number of a control register: 0, 3, 4 or 8.</summary>
    ControlRegister,
    /// <summary>A model specific register's name or its number of 32 bits.</summary>
    Msr,
    /// <summary>A system call's name or number, or <c>-</c> for any.</summary>
    SystemCall,
    /// <summary>The number of an interrupt or exception, 0 to 255.</summary>
    Vector,
    /// <summary>The number by which an operator asks.</summary>
    Request,
    /// <summary>A guest-virtual address: a number, or a symbol of the guest's kernel, and numbers added or taken away.</summary>
    Address,
    /// <summary>A register.</summary>
    Register,
    /// <summary>A register whose value is the address, or an address.</summary>
    RegisterOrAddress,
    /// <summary>How many bytes to read.</summary>
    ByteCount,
    /// <summary>A number of bytes that is added to an address; may be negative.</summary>
    Offset,
    /// <summary>A number, perhaps negative.</summary>
    Value,
    /// <summary>The size of a value: 1, 2, 4 or 8 bytes.</summary>
    ValueSize,
    /// <summary>What to tell of a process.</summary>
    ProcessField,
    /// <summary>By what a process is known: PID or NAME.</summary>
    ProcessKey,
    /// <summary>A process id, or a process's name in quotes.</summary>
    ProcessIdentity,
    /// <summary>A field of the virtual machine control structure.</summary>
    VmcsField,
    /// <summary>The MAC address of a virtual NIC.</summary>
    MacAddress,
    /// <summary>An event probe, by its id or its label.</summary>
    Probe,
    /// <summary>A stream or a file.</summary>
    Output,
}
