namespace VmiPl.Commands.Memory;

/// <summary>As what bytes of the guest are given or taken. Numbers are little-endian.</summary>
#pragma warning disable CA1720 // the names are the types that PowerShell users know
public enum MemoryValueKind
{
    /// <summary>A <see cref="VmiMemoryBlock"/>.</summary>
    Block,
    /// <summary>One array of bytes.</summary>
    Bytes,
    /// <summary>Hexadecimal digits.</summary>
    Hex,
    /// <summary>UTF-8 text up to a NUL.</summary>
    String,
    /// <summary>8-bit numbers.</summary>
    Byte,
    /// <summary>Signed 8-bit numbers.</summary>
    SByte,
    /// <summary>16-bit numbers.</summary>
    UInt16,
    /// <summary>Signed 16-bit numbers.</summary>
    Int16,
    /// <summary>32-bit numbers.</summary>
    UInt32,
    /// <summary>Signed 32-bit numbers.</summary>
    Int32,
    /// <summary>64-bit numbers.</summary>
    UInt64,
    /// <summary>Signed 64-bit numbers.</summary>
    Int64,
}
