using Iced.Intel;
using VmiPl.Language.Model;

namespace VmiPl.Probes.Placement;

/// <summary>The decoder library's registers as the language's.</summary>
internal static class DecodedRegisters
{
    /// <summary>The register that a general register of any width is part of; null for all others.</summary>
    public static GuestRegister? General(Register register) => register.GetFullRegister() switch
    {
        Register.RAX => GuestRegister.Rax,
        Register.RBX => GuestRegister.Rbx,
        Register.RCX => GuestRegister.Rcx,
        Register.RDX => GuestRegister.Rdx,
        Register.RSI => GuestRegister.Rsi,
        Register.RDI => GuestRegister.Rdi,
        Register.RBP => GuestRegister.Rbp,
        Register.RSP => GuestRegister.Rsp,
        Register.R8 => GuestRegister.R8,
        Register.R9 => GuestRegister.R9,
        Register.R10 => GuestRegister.R10,
        Register.R11 => GuestRegister.R11,
        Register.R12 => GuestRegister.R12,
        Register.R13 => GuestRegister.R13,
        Register.R14 => GuestRegister.R14,
        Register.R15 => GuestRegister.R15,
        _ => null,
    };
}
