namespace VmiPl.Compilation.Bytecode;

/// <summary>The registers of the probe machine (RFC 9669 §2.2).</summary>
internal enum ProgramRegister : byte
{
    /// <summary>A call's result.</summary>
    R0,
    /// <summary>First argument; lost by a call, as R2 to R5.</summary>
    R1,
    R2,
    R3,
    R4,
    R5,
    /// <summary>Kept over calls, as R7 to R9.</summary>
    R6,
    R7,
    R8,
    R9,
    /// <summary>The frame pointer: read-only.</summary>
    R10,
}
