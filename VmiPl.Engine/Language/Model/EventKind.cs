namespace VmiPl.Language.Model;

/// <summary>What an event probe watches.</summary>
public enum EventKind
{
    /// <summary><c>CRWrite</c>; the number is the control register's: 0, 3, 4 or 8.</summary>
    ControlRegisterWrite,
    /// <summary><c>MSRWrite</c>; the number is the MSR's, or there is none for any.</summary>
    MsrWrite,
    /// <summary><c>IDTRWrite</c>.</summary>
    IdtrWrite,
    /// <summary><c>GDTRWrite</c>.</summary>
    GdtrWrite,
    /// <summary><c>IDTWrite</c>.</summary>
    IdtWrite,
    /// <summary><c>GDTWrite</c>.</summary>
    GdtWrite,
    /// <summary><c>ReadAt</c>; has an address.</summary>
    MemoryRead,
    /// <summary><c>WriteAt</c>; has an address.</summary>
    MemoryWrite,
    /// <summary><c>ExecuteAt</c>; has an address.</summary>
    Execute,
    /// <summary><c>Syscall</c>; has a number or a name, or neither for any.</summary>
    SystemCall,
    /// <summary><c>OnResume</c>.</summary>
    Resume,
    /// <summary><c>OnExternalRequest</c>; the number is the request's id.</summary>
    ExternalRequest,
    /// <summary><c>Interrupt</c>; the number is the vector, 0 to 255.</summary>
    Interrupt,
}
