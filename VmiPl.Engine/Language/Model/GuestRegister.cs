namespace VmiPl.Language.Model;

/// <summary>The registers of a vCPU that the language knows, by the names of the 64-bit ones; a 32-bit guest has the lower halves.
/// The numbers are ids in probe programs and part of the shim's ABI.</summary>
public enum GuestRegister
{
#pragma warning disable CS1591 // the architecture's own names
    Rax = 0, Rbx = 1, Rcx = 2, Rdx = 3, Rsi = 4, Rdi = 5, Rbp = 6, Rsp = 7,
    R8 = 8, R9 = 9, R10 = 10, R11 = 11, R12 = 12, R13 = 13, R14 = 14, R15 = 15,
    Rip = 16, Rflags = 17,
    Cs = 18, Ss = 19, Ds = 20, Es = 21, Fs = 22, Gs = 23,
#pragma warning restore CS1591
    /// <summary>The task register's selector.</summary>
    Tr = 24,
    /// <summary>The local descriptor table register's selector.</summary>
    Ldtr = 25,
    /// <summary>The base address of the global descriptor table.</summary>
    Gdtr = 26,
    /// <summary>The base address of the interrupt descriptor table.</summary>
    Idtr = 27,
#pragma warning disable CS1591
    Cr0 = 28, Cr2 = 29, Cr3 = 30, Cr4 = 31, Cr8 = 32,
#pragma warning restore CS1591
}
